"""Lines that are orders: which lines are one of them, what is in it, what it is worth, and which give back."""

import re
from collections.abc import Sequence
from typing import Any

from rapport.collect.suggesting import roles
from rapport.collect.suggesting.column import Column
from rapport.collect.suggesting.shapes import Entry, Event, Table


def orders_of(
    house: Table,
    rows: Sequence[tuple[Any, ...]],
    order: Column,
    amount: Column | None,
    quantity: Column | None,
    price: Column | None,
) -> list[Event]:
    """Orders, of one line or of several; and refunds, where they can be told from orders."""
    several = len(order.counts) < 0.95 * order.filled
    left = house.left()
    sku = roles.first(left, lambda one: roles.ends_in(one, roles.PRODUCT_ID))
    label = roles.first(left, lambda one: one is not sku and roles.ends_in(one, roles.PRODUCT))
    currency = roles.first(left, lambda one: "currency" in one.words and all(len(text) == 3 for text in one.texts))
    refund = _refund(house, rows, order, quantity or amount)
    often = f"{len(order.counts):,} numbers on {order.filled:,} lines"
    house.take(
        order, "groups the lines of one order" if several else "order_id", often, "sure" if several else "likely"
    )
    for column, use in ((sku, "product_id"), (label, "name"), (quantity, "quantity"), (price, "price")):
        if column:
            house.take(column, f"products.{use}", "its name and its values say so", "likely")
    goods = [(column, roles.GOODS[column.snake]) for column in house.left() if column.snake in roles.GOODS]
    for column, use in goods if several else []:
        house.take(column, f"products.{use}", "its name says so", "likely")
    if currency:
        house.take(currency, "property currency", "codes of three letters", "sure")
    if amount:
        house.take(amount, "property revenue", "an amount", "likely")

    def event(name: str, when: tuple[tuple[str, str, Any], ...], sign: str, why: str) -> Event:
        listed = [Entry(use, column.name) for column, use in ((sku, "product_id"), (label, "name"), *goods) if column]
        if quantity:
            whole = "integer" if quantity.is_whole(house.file) else "number"
            back = Entry("quantity", arithmetic="compute", text=f"-{_operand(quantity)}")
            listed.append(back if sign else Entry("quantity", quantity.name, whole))
        if price:
            listed.append(Entry("price", price.name, "number"))
        properties = [Entry("order_id", order.name)]
        properties += [Entry("currency", currency.name)] if currency else []
        properties += _revenue(house, order, rows, amount, quantity, price, sign=sign)
        products = tuple(listed) if several or sku or label else ()
        return Event(
            "track", name, "", when, group_by=order.name, properties=tuple(properties), products=products, why=why
        )

    why = "all lines of one order are one event" if several else "one line is one order"
    orders = [event("Order Completed", (), "", why)]
    return [event("Order Refunded", refund[0], "-", refund[1]), *orders] if refund else orders


def _revenue(
    house: Table,
    order: Column,
    rows: Sequence[tuple[Any, ...]],
    amount: Column | None,
    quantity: Column | None,
    price: Column | None,
    *,
    sign: str,
) -> list[Entry]:
    """What an order is worth: the sum over its lines, or the one amount that all its lines repeat."""
    if amount and not amount.empty and _operand(amount):
        if len(order.counts) < order.filled and settles(house, rows, order, amount):
            return [] if sign else [Entry("revenue", amount.name, "number")]
        return [Entry("revenue", arithmetic="sum", text=f"{sign}{_operand(amount)}")]
    if quantity and price and not quantity.empty and not price.empty and _operand(quantity) and _operand(price):
        return [Entry("revenue", arithmetic="sum", text=f"{sign}{_operand(quantity)} * {_operand(price)}")]
    return []


def _operand(column: Column) -> str:
    """The column in arithmetic; empty where it cannot be written there."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column.name):
        return column.name
    return f"'{column.name}'" if column.name.isprintable() and not set("'\\") & set(column.name) else ""


def _refund(
    house: Table, rows: Sequence[tuple[Any, ...]], order: Column, sized: Column | None
) -> tuple[tuple[tuple[str, str, Any], ...], str] | None:
    """What tells the lines that give back from those that sell, and how that was seen."""
    if sized is None or not sized.negative(house.file):
        return None
    number, size = _index(house, order), _index(house, sized)
    known = _key_index(house)
    back: set[str] = set()
    sold: set[str] = set()
    for row in rows:
        if row[number] is None or row[known] is None or str(row[known]) in house.file.nulls:
            continue
        (back if str(row[size]).strip().startswith("-") else sold).add(str(row[number]).strip())
    prefix = re.match(r"[A-Za-z]{1,3}", min(back, default=""))
    if prefix and all(one.startswith(prefix[0]) for one in back) and not any(one.startswith(prefix[0]) for one in sold):
        why = f"{len(back):,} orders begin with {prefix[0]} and have a {sized.name} below zero, and no others do"
        return ((order.name, "starts_with", prefix[0]),), why
    if back and not back & sold:
        return ((sized.name, "below", 0),), f"{len(back):,} orders have a {sized.name} below zero"
    return None


def _key_index(house: Table) -> int:
    keys = [told.column for told in house.told.values() if told.use.endswith("keys the record")]
    return next(index for index, column in enumerate(house.columns) if column.name == keys[0])


def _index(house: Table, column: Column) -> int:
    return house.columns.index(column)


def settles(house: Table, rows: Sequence[tuple[Any, ...]], by: Column, column: Column) -> bool:
    """Whether hardly any value of `by` is there with two of `column`."""
    left, right = _index(house, by), _index(house, column)
    seen: dict[str, set[str]] = {}
    for row in rows:
        if row[left] is not None and row[right] is not None:
            seen.setdefault(str(row[left]), set()).add(str(row[right]))
    return sum(len(values) for values in seen.values()) <= 1.05 * len(seen)
