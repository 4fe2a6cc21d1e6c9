import argparse


def main():
    parser = argparse.ArgumentParser(description="Says something.")
    parser.add_argument("text")
    parser.add_argument("--times", type=int, default=1, help="how often")
    args = parser.parse_args()
    for _ in range(args.times):
        print(args.text)


main()
