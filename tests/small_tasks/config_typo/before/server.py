import json

with open("settings.json") as file:
    settings = json.load(file)

print(f"listening on {settings['host']}:{settings['port']} with {settings['workers']} workers")
