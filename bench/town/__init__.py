"""A made-up town in which both sides' true gains are known: what ways to choose give customers and the company.

`world` says who lives there and what everything is worth; `peers` are the ways to choose; `living` lets one of them
choose for some weeks; `measure` compares them, and `picture` draws what came out.
"""
