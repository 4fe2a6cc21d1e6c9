def mean(values):
    return sum(values) / len(values)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        result = ordered[middle]
    else:
        result = (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    return max(values) - min(values)
