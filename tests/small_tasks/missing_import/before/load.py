import sys


def load(path):
    with open(path) as file:
        return json.load(file)


def main():
    data = load(sys.argv[1])
    for key in sorted(data):
        print(f"{key}={data[key]}")


main()
