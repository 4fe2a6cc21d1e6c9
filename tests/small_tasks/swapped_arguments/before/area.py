def resize(image, width, height):
    """The image in a new size."""
    return {"name": image["name"], "width": width, "height": height}


def thumbnail(image, width):
    """A small image with the same proportions."""
    height = image["height"] * width // image["width"]
    return resize(image, height, width)


if __name__ == "__main__":
    print(thumbnail({"name": "cat", "width": 400, "height": 200}, 100))
