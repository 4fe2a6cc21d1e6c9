from orders import calc_total, summary


def report(orders):
    rows = [summary(name, lines) for name, lines in orders.items()]
    total = sum(calc_total(lines) for lines in orders.values())
    return "\n".join(rows + [f"total: {total:.2f}"])


if __name__ == "__main__":
    print(report({"ann": [(2.5, 2)], "bob": [(1.0, 3), (4.0, 1)]}))
