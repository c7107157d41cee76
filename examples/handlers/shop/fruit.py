"""Published objects: `/shop/fruit` is `index`, `/shop/fruit/basket` is `basket`, and so on."""

from _page import page

from twistedsite import Template

PRICES = {"apple": 3, "pear": 4, "quince": 7}


def index():
    """All there is."""
    links = "".join(f'<li><a href="fruit/basket?fruits={name}&amp;count=2">Two {name}s</a>' for name in PRICES)
    more = (
        '<p><a href="fruit/prices">Prices as JSON</a>\n<p><a href="fruit/basket?count=2">A basket without fruit</a>\n'
    )
    return page("The shop", f"<ul>{links}</ul>\n{more}", up="../")


def prices():
    """The prices, for programs."""
    return PRICES


def basket(fruits: list[str], count: int = 1):
    """What so many of each cost: by a template. `fruits` may not be missing, `count` is a number."""
    lines = [(fruit, count, PRICES.get(fruit, 0) * count) for fruit in fruits]
    return Template("basket.jinja", lines=lines, total=sum(price for _, _, price in lines))


def _secret():
    """Nobody gets here."""
    return "never"


def forgotten():
    return "No docstring, so no page."
