def greet(name, greeting):
    return f"{greeting}, {name}!"


def greet_all(names, greeting):
    return [greet(name, greeting) for name in names]
