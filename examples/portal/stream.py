"""A page that is shown while it is still being made: `flush` sends what was printed so far."""

import time

from _layout import FOOT, HEAD

STEPS = ["Fetch the flour", "Knead the dough", "Let it rise", "Heat the oven", "Bake it", "Let it cool"]

print(HEAD.format(title="Streaming · Portal"))
print('<h1>Baking bread</h1><p class="lead">Each line is sent when its step is done.</p><ol class="progress">')
for step in STEPS:
    print(f"<li>{step}</li>", flush=True)
    time.sleep(0.4)
print("</ol>")
print('<p><a class="button" href="stream.py">Bake another</a></p>')
print(FOOT)
