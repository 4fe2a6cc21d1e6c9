VAT = 0.2


def net(price, discount):
    """The price after a discount in percent."""
    return price * (1 + discount / 100)


def gross(price, discount):
    return round(net(price, discount) * (1 + VAT), 2)


if __name__ == "__main__":
    print(gross(100, 10))
