def average(numbers):
    return sum(numbers) / len(numbers)


def grade(points):
    value = average(points)
    if value >= 90:
        return "A"
    if value >= 75:
        return "B"
    return "C"
