"""What Lantern Lane sells, and how a basket of it comes together. Prices are in pence: money is counted whole."""

import random
from typing import Any

import msgspec

CURRENCY = "GBP"


class Product(msgspec.Struct, frozen=True):
    id: str
    name: str
    category: str
    pence: int


_GOODS = {
    "Lamps": "Reading lamp 3900|Storm lantern 2450|Paper shade 1650|Bedside light 2900|String of lights 1200",
    "Kitchen": "Teapot 2400|Bread knife 1850|Mixing bowl 1500|Egg timer 650|Oven gloves 1100|Cast-iron pan 4200",
    "Table": "Linen napkins 1800|Cake stand 2600|Salad servers 1350|Water jug 1950|Set of six glasses 2200",
    "Garden": "Watering can 2100|Seed box 890|Bird table 3400|Hand trowel 1250|Bulb planter 1600",
    "Paper": "Notebook 750|Fountain pen 2800|Writing paper 950|Wall calendar 1150|Wrapping paper 400",
    "Comfort": "Wool blanket 5200|Hot-water bottle 1700|Beeswax candle 980|Cushion 2350|Door mat 1990",
}


def _read() -> tuple[Product, ...]:
    products: list[Product] = []
    for category, goods in _GOODS.items():
        for entry in goods.split("|"):
            name, _, pence = entry.rpartition(" ")
            products.append(Product(f"LL-{len(products) + 101}", name, category, int(pence)))
    return tuple(products)


PRODUCTS = _read()
CATEGORIES = tuple(_GOODS)


class Line(msgspec.Struct, frozen=True):
    product: Product
    quantity: int


class Order(msgspec.Struct, frozen=True):
    """A basket that was paid for."""

    id: str
    lines: tuple[Line, ...]

    @property
    def pence(self) -> int:
        return sum(line.product.pence * line.quantity for line in self.lines)


def pounds(pence: int) -> float:
    return pence / 100


def shown(product: Product) -> dict[str, Any]:
    """A product as events carry it (Segment's e-commerce events, v2)."""
    price = pounds(product.pence)
    return {"product_id": product.id, "name": product.name, "category": product.category, "price": price}


def listed(order: Order) -> list[dict[str, Any]]:
    return [{**shown(line.product), "quantity": line.quantity} for line in order.lines]


def basket(rng: random.Random, prefix: str) -> Order:
    """Mostly one or two things; an order number that says where it was bought."""
    products = rng.sample(PRODUCTS, rng.choices((1, 2, 3, 5), (50, 30, 15, 5))[0])
    lines = tuple(Line(product, rng.choices((1, 2, 4), (80, 15, 5))[0]) for product in products)
    return Order(f"{prefix}{rng.randrange(10**9):09d}", lines)
