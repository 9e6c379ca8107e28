"""Word tables of the closed world: everything that a family may talk about.

Tables are plain data. A solver reads them, so a fact is right by definition of this world; facts
of the real world were chosen where they fit. Words are short and common so that a small
byte-level vocabulary spells them.
"""

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    """Read a table of words."""
    return tuple(text.split())


def _pairs(text: str) -> dict[str, str]:
    """Read a table of ``word:value`` pairs."""
    return dict(pair.split(":") for pair in text.split())


def _groups(groups: dict[str, str]) -> dict[str, str]:
    """Turn ``value: words`` into ``word: value``."""
    return {word: value for value, words in groups.items() for word in words.split()}


NAMES: Final = _words("""
    Anna Ben Carl Dora Emil Finn Greta Hugo Iris Jonas Kira Lena Mila Nora Omar Paul Rosa Sami
    Tom Uma Vera Walt Zoe Adam Bella Clara David Elsa Felix Grace Henry Ida Jack Karim Lucy Mark
    Nina Oscar Petra Ravi Sara Tina Victor Wendy Yara Alex Bruno Diana Eva Fred
""")

OBJECTS: Final = _words("""
    apples books coins pens stamps cards shells eggs plums cups hats keys marbles stones tickets
    balls boxes buttons candles cookies flowers kites lemons letters maps nuts oranges pears
    photos plates roses shirts spoons toys boats bags bottles chairs pencils ribbons
""")

ANIMALS: Final = _words("""
    ant bear cat dog eagle fox goat horse iguana jaguar koala lion mouse newt owl panda quail
    rabbit snake tiger urchin viper wolf yak zebra bee crab deer frog hen lamb mole otter pig
    robin seal toad whale shark spider
""")

FRUITS: Final = _words("""
    apple banana cherry date fig grape lemon mango orange peach pear plum melon kiwi lime
""")

VEGETABLES: Final = _words("""
    carrot onion potato bean pea cabbage leek radish spinach turnip celery garlic
""")

TOOLS: Final = _words("""
    hammer saw drill wrench chisel pliers shovel rake axe ruler file nail
""")

FURNITURE: Final = _words("""
    chair table bed desk shelf sofa bench stool lamp cabinet
""")

CLOTHES: Final = _words("""
    shirt coat hat scarf sock glove jacket skirt belt boot sweater dress
""")

VEHICLES: Final = _words("""
    car bus train bike truck boat plane tram van ship
""")

COLOURS: Final = _words("""
    red blue green yellow black white brown pink grey purple
""")

CATEGORIES: Final = {
    "animal": ANIMALS,
    "fruit": FRUITS,
    "vegetable": VEGETABLES,
    "tool": TOOLS,
    "vehicle": VEHICLES,
    "colour": COLOURS,
}

PLURAL_CATEGORY: Final = {
    "animals": "animal",
    "fruits": "fruit",
    "vegetables": "vegetable",
    "tools": "tool",
    "vehicles": "vehicle",
    "colours": "colour",
}

LIST_WORDS: Final = _words("""
    apple bread chair drum engine flag garden hammer island jacket kettle ladder mirror needle
    orange paper queen river silver table uncle valley window yellow zebra bottle candle dragon
    forest guitar honey lemon market night ocean pencil rabbit summer tiger village winter angel
    button coffee desert eagle finger ginger hotel ivory jungle king lion mountain nest onion
    piano rocket shadow tower
""")

SPELL_WORDS: Final = _words("""
    apple bread chair drum flag green house juice knife lemon mouse night ocean paper queen
    river sugar table uncle voice water young zebra beach cloud dance earth fruit grass heart
    light money nurse plant quick round sleep train under watch world black brown clean dream
    front glass horse large metal north piano quiet salad stone tiger white bird cake door fish
    gold hand king lamp moon nest pond ring ship tree wind wolf star rain milk leaf
""")

PLURALS: Final = _pairs("""
    cat:cats dog:dogs box:boxes bus:buses dish:dishes fox:foxes city:cities baby:babies
    lady:ladies leaf:leaves wolf:wolves knife:knives man:men woman:women child:children
    foot:feet tooth:teeth mouse:mice goose:geese sheep:sheep fish:fish tree:trees book:books
    car:cars table:tables chair:chairs house:houses lamp:lamps watch:watches glass:glasses
    class:classes brush:brushes story:stories party:parties country:countries berry:berries
    fly:flies key:keys boy:boys day:days toy:toys shelf:shelves half:halves life:lives
    wife:wives hero:heroes potato:potatoes tomato:tomatoes piano:pianos photo:photos bird:birds
    window:windows river:rivers flower:flowers peach:peaches church:churches bench:benches
    kiss:kisses wish:wishes person:people ox:oxen
""")

PAST_TENSES: Final = _pairs("""
    go:went see:saw eat:ate run:ran take:took give:gave come:came make:made write:wrote
    read:read sing:sang swim:swam drink:drank begin:began buy:bought bring:brought think:thought
    teach:taught catch:caught find:found feel:felt keep:kept sleep:slept leave:left lose:lost
    meet:met pay:paid say:said sell:sold send:sent sit:sat speak:spoke stand:stood tell:told
    win:won walk:walked play:played talk:talked jump:jumped help:helped open:opened close:closed
    cook:cooked clean:cleaned paint:painted call:called wash:washed study:studied carry:carried
    try:tried stop:stopped plan:planned dance:danced live:lived love:loved build:built
    break:broke choose:chose drive:drove fall:fell fly:flew
""")

OPPOSITES: Final = _pairs("""
    hot:cold big:small fast:slow high:low light:dark old:new rich:poor wet:dry full:empty
    hard:soft early:late happy:sad open:closed strong:weak thick:thin long:short clean:dirty
    loud:quiet up:down left:right in:out day:night north:south east:west win:lose start:stop
    push:pull buy:sell give:take love:hate always:never first:last inside:outside above:below
    near:far true:false good:bad wide:narrow deep:shallow heavy:weightless brave:afraid
    cheap:expensive easy:difficult safe:dangerous sharp:blunt smooth:rough sweet:sour tall:tiny
    young:aged begin:end come:go
""")

COMPARATIVES: Final = _pairs("""
    tall:taller small:smaller big:bigger fast:faster slow:slower old:older young:younger
    hot:hotter cold:colder happy:happier easy:easier heavy:heavier light:lighter long:longer
    short:shorter strong:stronger weak:weaker rich:richer poor:poorer good:better bad:worse
    thin:thinner wet:wetter dry:drier early:earlier late:later large:larger nice:nicer
    busy:busier clean:cleaner dark:darker deep:deeper high:higher kind:kinder loud:louder
    new:newer safe:safer soft:softer sweet:sweeter warm:warmer wide:wider
""")

CAPITALS: Final = _pairs("""
    France:Paris Germany:Berlin Italy:Rome Spain:Madrid Portugal:Lisbon Austria:Vienna
    Greece:Athens Poland:Warsaw Norway:Oslo Sweden:Stockholm Finland:Helsinki Denmark:Copenhagen
    Ireland:Dublin Hungary:Budapest Belgium:Brussels Russia:Moscow Japan:Tokyo China:Beijing
    India:Delhi Turkey:Ankara Iran:Tehran Iraq:Baghdad Egypt:Cairo Kenya:Nairobi Ghana:Accra
    Morocco:Rabat Nigeria:Abuja Cuba:Havana Canada:Ottawa Peru:Lima Chile:Santiago
    Brazil:Brasilia Thailand:Bangkok Vietnam:Hanoi Nepal:Kathmandu Australia:Canberra
    Colombia:Bogota
""")
CAPITALS["Mexico"] = "Mexico City"

CONTINENTS: Final = _groups(
    {
        "Europe": """
            France Germany Italy Spain Portugal Austria Greece Poland Norway Sweden Finland
            Denmark Ireland Hungary Belgium
        """,
        "Asia": """
            Japan China India Iran Iraq Thailand Vietnam Nepal
        """,
        "Africa": """
            Egypt Kenya Ghana Morocco Nigeria
        """,
        "North America": """
            Cuba Canada Mexico
        """,
        "South America": """
            Peru Chile Brazil Colombia
        """,
    }
)

SOUNDS: Final = _pairs("""
    dog:barks cat:meows cow:moos duck:quacks lion:roars horse:neighs sheep:bleats bee:buzzes
    snake:hisses owl:hoots pig:oinks frog:croaks wolf:howls mouse:squeaks crow:caws hen:clucks
    bird:sings donkey:brays goose:honks bear:growls
""")

YOUNG: Final = _pairs("""
    dog:puppy cat:kitten cow:calf horse:foal sheep:lamb goat:kid hen:chick duck:duckling
    lion:cub deer:fawn frog:tadpole pig:piglet goose:gosling owl:owlet kangaroo:joey swan:cygnet
    eagle:eaglet fox:kit
""")

THING_COLOURS: Final = _pairs("""
    grass:green snow:white coal:black blood:red banana:yellow carrot:orange sky:blue
    chocolate:brown milk:white lemon:yellow tomato:red spinach:green flamingo:pink elephant:grey
    raven:black sunflower:yellow strawberry:red frog:green swan:white eggplant:purple fire:red
    pine:green night:black sea:blue
""")

ANIMAL_CLASS: Final = _groups(
    {
        "bird": """
            robin eagle owl hen duck goose swan crow parrot penguin raven sparrow
        """,
        "mammal": """
            dog cat horse cow bear wolf whale lion rabbit bat goat mouse
        """,
        "fish": """
            shark trout salmon tuna carp cod eel herring
        """,
        "insect": """
            ant bee fly beetle moth wasp butterfly cricket
        """,
        "reptile": """
            snake lizard turtle crocodile gecko iguana viper tortoise
        """,
    }
)

JOB_PLACES: Final = _pairs("""
    teacher:school doctor:hospital baker:bakery farmer:farm sailor:ship pilot:plane chef:kitchen
    judge:court actor:theatre nurse:hospital waiter:restaurant miner:mine gardener:garden
    librarian:library banker:bank soldier:barracks priest:church butcher:shop
""")

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

UNITS: Final = {
    ("minutes", "hours"): 60,
    ("seconds", "minutes"): 60,
    ("hours", "days"): 24,
    ("days", "weeks"): 7,
    ("months", "years"): 12,
    ("items", "dozens"): 12,
}

# Activity -> its four steps in order: planning families, story text, HellaSwag-shaped items.
ACTIVITIES: Final = {
    "make tea": ("boil the water", "put the tea in the cup", "pour the water", "drink the tea"),
    "make toast": ("slice the bread", "toast the bread", "spread the butter", "eat the toast"),
    "plant a tree": (
        "dig a hole",
        "set the tree in the hole",
        "fill the hole with soil",
        "water the tree",
    ),
    "wash a car": ("rinse the car", "rub the car with soap", "rinse off the soap", "dry the car"),
    "send a letter": (
        "write the letter",
        "put the letter in an envelope",
        "add a stamp",
        "post the letter",
    ),
    "paint a wall": ("clean the wall", "open the paint", "paint the wall", "let the wall dry"),
    "bake a cake": ("mix the dough", "fill the pan", "bake the cake", "let the cake cool"),
    "fix a tyre": ("lift the car", "remove the old tyre", "put on the new tyre", "lower the car"),
    "catch a train": ("buy a ticket", "find the platform", "wait for the train", "board the train"),
    "borrow a book": (
        "enter the library",
        "find the book",
        "show the library card",
        "take the book home",
    ),
    "brush your teeth": ("wet the brush", "put on the paste", "brush the teeth", "rinse the mouth"),
    "do the laundry": (
        "sort the clothes",
        "fill the machine",
        "wash the clothes",
        "hang up the clothes",
    ),
    "cook pasta": ("boil the water", "add the pasta", "drain the pasta", "serve the pasta"),
    "make a salad": ("wash the leaves", "cut the leaves", "add the oil", "toss the salad"),
    "build a fire": ("gather the wood", "stack the wood", "light the fire", "watch the fire"),
    "wrap a gift": ("cut the paper", "fold the paper", "tape the paper", "tie a ribbon"),
    "take a photo": (
        "hold the camera",
        "point the camera",
        "press the button",
        "look at the photo",
    ),
    "buy milk": ("go to the shop", "find the milk", "pay for the milk", "carry the milk home"),
    "clean a window": ("fill a bucket", "wet the cloth", "wipe the glass", "dry the glass"),
    "grow beans": ("dig the soil", "plant the seeds", "water the seeds", "pick the beans"),
    "go fishing": ("find the lake", "bait the hook", "cast the line", "pull in the fish"),
    "make soup": ("chop the carrots", "heat the pot", "cook the soup", "serve the soup"),
    "watch a film": ("choose a film", "buy the popcorn", "find a seat", "watch the film"),
    "pack a bag": ("open the bag", "fold the clothes", "fill the bag", "close the bag"),
}

LIST_VARIABLES: Final = _words("""
    xs names items scores words values rows prices
""")

SCALARS: Final = _words("""
    x n total count age size price limit speed level
""")
