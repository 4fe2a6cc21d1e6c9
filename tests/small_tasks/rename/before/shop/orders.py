"""Orders of the shop."""


def calc_total(lines):
    """The sum of price times count."""
    return sum(price * count for price, count in lines)


def summary(name, lines):
    return f"{name}: {calc_total(lines):.2f}"
