"""Makes the seeds of the example: a small shop that nobody owns. The same bytes every time.

Run it from this folder: ``python make_seeds.py``.
"""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
N_CUSTOMERS = 40
N_PRODUCTS = 60
N_VISITS = 620
FIRST_DAY = datetime(2026, 1, 1)
DAYS = 120
CATEGORIES = {
    "kitchen": ["Teapot", "Pan", "Whisk", "Bread knife", "Cutting board"],
    "garden": ["Trowel", "Watering can", "Hose", "Seed tray", "Pruner"],
    "office": ["Notebook", "Fountain pen", "Desk lamp", "Stapler", "Folder"],
}
BRANDS = ["Alder", "Birch", "Cedar", "Dogwood"]


def main() -> None:
    random_source = random.Random(20261124)
    products = make_products()
    customers = make_customers(random_source)
    page_views, cart_lines, orders, order_lines = make_events(random_source, products)
    write("shop_products", ["sku", "name", "category", "brand", "price", "is_sold"], products)
    write("shop_customers", ["customer", "country", "signed_up_on"], customers)
    write("shop_page_views", ["customer", "sku", "viewed_at"], page_views)
    write("shop_cart_lines", ["customer", "sku", "added_at"], cart_lines)
    write("shop_orders", ["order_number", "customer", "ordered_at"], orders)
    write("shop_order_lines", ["order_number", "sku", "quantity", "returned_at"], order_lines)


def make_products() -> list[list]:
    names = [(category, name) for category, names in CATEGORIES.items() for name in names]
    products = []
    for number in range(N_PRODUCTS):
        category, name = names[number % len(names)]
        brand = BRANDS[number // len(names)]
        price = f"{4 + number * 7 % 43}.{'95' if number % 2 else '50'}"
        is_sold = "false" if number in (17, 41) else "true"
        products.append([f"SKU/{number:04}", f"{brand} {name}", category, brand, price, is_sold])
    return products


def make_customers(random_source: random.Random) -> list[list]:
    return [
        [
            f"c-{number:04}",
            random_source.choice(["AT", "BE", "NL"]),
            (FIRST_DAY - timedelta(days=random_source.randrange(700))).date().isoformat(),
        ]
        for number in range(N_CUSTOMERS)
    ]


def make_events(random_source: random.Random, products: list[list]) -> tuple[list, ...]:
    """Visits in order of time. Each customer likes one category best and looks at two products."""
    page_views, cart_lines, orders, order_lines = [], [], [], []
    times = sorted(random_source.uniform(0, DAYS * 86_400) for _ in range(N_VISITS))
    for seconds in times:
        at = FIRST_DAY + timedelta(seconds=int(seconds))
        number = int(N_CUSTOMERS * random_source.random() ** 1.3)
        customer = f"c-{number:04}"
        order_number = f"o-{len(orders) + 1:05}"
        bought = []
        for _ in range(2):
            sku = choose(random_source, products, list(CATEGORIES)[number % len(CATEGORIES)])
            at += timedelta(minutes=random_source.randrange(1, 9))
            page_views.append([customer, sku, f"{at}"])
            if sku not in bought and random_source.random() < 0.2:
                cart_lines.append([customer, sku, f"{at + timedelta(seconds=20)}"])
                if random_source.random() < 0.6:
                    bought.append(sku)
        if bought:
            orders.append([order_number, customer, f"{at + timedelta(minutes=1)}"])
        for sku in bought:
            back = at + timedelta(days=random_source.randrange(3, 14))
            is_returned = random_source.random() < 0.1
            order_lines.append(
                [order_number, sku, random_source.choice([1, 1, 1, 2]), back if is_returned else ""]
            )
    return page_views, cart_lines, orders, order_lines


def choose(random_source: random.Random, products: list[list], favourite: str) -> str:
    """Two in three of the favourite category, and low numbers more often than high ones."""
    if random_source.random() < 2 / 3:
        products = [product for product in products if product[2] == favourite]
    return products[int(len(products) * random_source.random() ** 2)][0]


def write(name: str, header: list[str], rows: list[list]) -> None:
    with open(SEEDS / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
