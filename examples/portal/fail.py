"""A script that fails: with --debug the browser shows where and why, without it only that it did."""


def price_of(basket):
    prices = {"apple": 0.5, "pear": 0.7}
    total = 0
    for fruit, count in basket.items():
        total += prices[fruit] * count
    return total


customer = "Ann"
print(f"<h1>The bill of {customer}</h1>")
print(price_of({"apple": 3, "banana": 2}))
