def page_count(items, size):
    """How many pages of `size` items are needed."""
    return items // size + 1


def page(items, number, size):
    """The items of a page; the first page has the number 1."""
    start = (number - 1) * size
    return items[start:start + size]


if __name__ == "__main__":
    for n in (0, 1, 10, 11, 20):
        print(n, page_count(n, 10))
