"""What the demo's people, streets and goods are called. All invented: no address leads anywhere.

E-mail addresses end in the domains of RFC 2606, phone numbers lie in the ranges that Ofcom keeps free for drama.
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


SHOP = "Lantern Lane"

FIRST_NAMES = _listed(
    "Ada, Amir, Anna, Bea, Callum, Carys, Chidi, Clara, Daniel, Devi, Ed, Elsa, Emeka, Erin, Fatima, Felix, Freya, "
    "George, Grace, Hana, Harriet, Hugo, Ines, Ivan, Jack, Jasmine, Joan, Kai, Karim, Laura, Leo, Lucy, Maja, Marcus, "
    "Mina, Nadia, Ned, Nia, Omar, Orla, Pavel, Petra, Priya, Rafe, Rosa, Ruth, Sam, Sana, Sofia, Tariq, Tess, Theo, "
    "Uma, Vera, Victor, Wen, Will, Yara, Yusuf, Zoe"
)

SURNAMES = _listed(
    "Alderwick, Barrowfen, Beckmoor, Birchmead, Bramblow, Brookwick, Cloverden, Copsewell, Cranmarsh, Dalebrook, "
    "Elmscar, Fernwick, Finchmoor, Foxmead, Gorsebank, Hartsmoor, Hazelfen, Heronlea, Hollowmere, Ivybeck, Juniperly, "
    "Kestrelow, Larkmarsh, Lindenscar, Maplewick, Marshwell, Mossbeck, Nettlemoor, Oakenlea, Osierby, Pebbleham, "
    "Quillmere, Rookwell, Rowanscar, Sedgewell, Silverbeck, Sorrelby, Starlingmoor, Tarnwick, Teaselby, Thistlemead, "
    "Thornlea, Wherrymoor, Willowfen, Wrenbeck, Yarrowby, Yewmarsh"
)

STREETS = _listed(
    "Baker's Row, Bell Street, Bridge Road, Canal Walk, Chapel Lane, Ferry Road, Garden Terrace, Harbour Street, "
    "Lighthouse Road, Market Place, Mill Lane, Orchard Close, Quay Street, Ropewalk, Saddler Street, School Hill, "
    "Weavers Yard"
)

CITIES = ("Eastmere", "Stonebeck", "Millbrink", "Northwharf", "Little Harbour")
"""Eastmere has the shop; the others are a walk or a bus ride away."""

COMPANIES = _listed(
    "Harbour Café, Quayside Dental, Millbrink Books, Northwharf Yoga, Stonebeck Surveyors, The Ferry Inn"
)

EMAIL_DOMAINS = ("example.com", "example.org", "example.net")

STORES = {"till-1": "Eastmere High Street", "till-2": "Eastmere High Street", "till-3": "Millbrink Market"}
"""Till → the shop it stands in."""

TABLETS = ("tablet-eastmere", "tablet-millbrink")
"""What stands in the shops for everybody to look things up on."""

TOPICS = (
    "Where is my parcel?",
    "The teapot arrived chipped",
    "Can I change the delivery address?",
    "The discount code does not work",
    "Is the lamp back in stock soon?",
    "I was charged twice",
)

RETURN_REASONS = ("too large", "arrived damaged", "changed my mind", "it was a double gift")
