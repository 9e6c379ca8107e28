"""Words that items are drawn from: common, short, without double meanings."""

PEOPLE = (
    "Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Iris", "Jack", "Kira", "Leo",
    "Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Vera",
)  # fmt: skip
CITIES = (
    "Oslo", "Rome", "Lima", "Cairo", "Delhi", "Paris", "Quito", "Seoul", "Tokyo", "Vienna",
    "Madrid", "Dublin", "Athens", "Berlin", "Prague", "Lisbon",
)  # fmt: skip
THINGS = (
    "cup", "book", "lamp", "coat", "ball", "map", "key", "bag", "pen", "radio", "vase", "rope",
)  # fmt: skip
ROOMS = ("hall", "kitchen", "office", "attic", "cellar", "garage", "garden", "library")
FOODS = (
    "apples", "bread", "cheese", "eggs", "figs", "grapes", "honey", "jam", "lemons", "milk",
    "nuts", "onions", "pears", "rice", "salt", "tomatoes",
)  # fmt: skip
DRINKS = ("tea", "coffee", "water", "juice", "cocoa", "lemonade", "milk", "soda")
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "brown", "orange", "purple", "grey")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CHATTER = (
    ("By the way, what is the colour of snow?", "White."),
    ("How many legs does a spider have?", "Eight."),
    ("What is the opposite of warm?", "Cold."),
    ("Which month comes after May?", "June."),
    ("Say hello in Spanish, please.", "Hola."),
    ("Is a whale a fish?", "No, it is a mammal."),
    ("How many minutes are in an hour?", "Sixty."),
    ("What do bees make?", "Honey."),
    ("Which animal says moo?", "The cow."),
    ("What is ice made of?", "Water."),
    ("How many days does a week have?", "Seven."),
    ("Which is bigger, the sun or the moon?", "The sun."),
)
"""Short questions with their answers: distractors that touch no fact of any item."""
