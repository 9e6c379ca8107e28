"""The pages of `tuner view`. Whatever a workspace holds is text: jinja2 escapes all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from synthetic_instruction_tuner.errors import TunerError
from synthetic_instruction_tuner.results.study import StudyResults
from tuner.viewer import shown

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Even text that slipped through as markup would run nothing."""
PAGES = Path(__file__).parent / "pages"
STATES = ("rejected", "kept", "draws", "unpaired")
TEXTS = ("instruction", "response", "prompt", "chosen", "rejected")
LONGEST = 8_000
"""Characters of a question in the arena."""

Answer: TypeAlias = Callable[[str, Sequence[dict[str, str]], float], str]
"""Model, conversation and temperature to an answer."""


class Viewer:
    """The pages of one study.

    Args:
        results: The study.
        answer: Lets a model of the study answer.
    """

    def __init__(self, results: StudyResults, answer: Answer) -> None:
        self._tables = shown.Tables(results)
        self._results, self._answer = results, answer
        self._one_at_a_time = threading.Lock()
        self._pages = Environment(
            autoescape=True, loader=FileSystemLoader(PAGES), trim_blocks=True, lstrip_blocks=True
        )
        self._pages.filters["text"] = shown.text

    def app(self, hosts: Sequence[str]) -> Starlette:
        """Build the application.

        Args:
            hosts: Names under which it may be asked for: a page elsewhere whose name was pointed
                here (DNS rebinding) reads nothing.
        """
        pages: dict[str, Callable[[Request], Response]] = {
            "/": self.overview,
            "/rows": self.rows,
            "/pairs": self.pairs,
            "/curves": self.curves,
            "/items": self.items,
            "/item": self.item,
            "/arena": self.arena,
            "/figure.json": self.figure,
            "/plotly.js": self.plotly,
            "/view.js": self.script,
        }
        routes: list[Route] = [Route(path, page) for path, page in pages.items()]
        routes.append(Route("/arena", self.ask, methods=["POST"]))
        allowed = Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
        return Starlette(
            routes=routes, middleware=[allowed], exception_handlers={TunerError: self.explain}
        )

    # --- pages -----------------------------------------------------------------------------------

    def overview(self, request: Request) -> Response:
        """Show scores, differences and costs."""
        names = ("scores", "differences", "costs")
        tables = {name: shown.page_of(self._tables.read(name), 1) for name in names}
        return self._page("overview", tables=tables)

    def rows(self, request: Request) -> Response:
        """Show rows with the rule that each broke."""
        state = request.query_params.get("state", STATES[0])
        state = state if state in STATES else STATES[0]
        table = self._tables.read(state)
        rules = table["rule"].value_counts().to_dict() if "rule" in table and len(table) else {}
        rule = request.query_params.get("rule", "")
        if rule in rules:
            table = shown.where(table, table["rule"] == rule)
        words = request.query_params.get("words", "")
        page = shown.page_of(shown.containing(table, words, TEXTS), _number(request))
        return self._page(
            "rows", states=STATES, state=state, rules=rules, rule=rule, words=words, page=page
        )

    def pairs(self, request: Request) -> Response:
        """Show pairs with all scores."""
        words = request.query_params.get("words", "")
        pairs = shown.containing(self._tables.read("pairs"), words, TEXTS)
        page = shown.page_of(pairs, _number(request))
        responses = self._tables.read("responses").sort_values("reward", ascending=False)
        found = responses["example"].isin([one["id"] for one in page.rows])
        by_example = {
            name: part.to_dict("records")
            for name, part in shown.where(responses, found).groupby("example")
        }
        return self._page("pairs", page=page, words=words, responses=by_example)

    def curves(self, request: Request) -> Response:
        """Show all figures; the curves alone while there is no comparison."""
        return self._page("curves", figures=["curves", *self._figures()])

    def items(self, request: Request) -> Response:
        """Show the items of a benchmark with every model's score."""
        table = self._tables.read("items")
        benchmarks = list(dict.fromkeys(table["benchmark"]))
        chosen = request.query_params.get("benchmark", "")
        chosen = chosen if chosen in benchmarks else benchmarks[0]
        differing = "differing" in request.query_params
        words = request.query_params.get("words", "")
        found = shown.containing(shown.items_of(table, chosen, differing), words, TEXTS)
        page = shown.page_of(found, _number(request))
        models = [name for name in self._results.models if name in found]
        return self._page(
            "items", benchmarks=benchmarks, benchmark=chosen, differing=differing, words=words,
            page=page, models=models,
        )  # fmt: skip

    def item(self, request: Request) -> Response:
        """Show one item as every model answered it, agents with their conversations."""
        table = self._tables.read("items")
        asked = request.query_params
        mask = table["benchmark"] == asked.get("benchmark", "")
        own = shown.where(table, mask & (table["item"] == asked.get("item", "")))
        if own.empty:
            return self._page("fault", HTTPStatus.NOT_FOUND, told="there is no such item")
        return self._page("item", answers=own.to_dict("records"))

    def arena(self, request: Request) -> Response:
        """Show the form to talk to models side by side."""
        return self._arena("", self._results.models[:2], 0.0, {})

    async def ask(self, request: Request) -> Response:
        """Let the chosen models answer; questions that another page sends are refused."""
        from starlette.concurrency import run_in_threadpool

        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("asked by another page", HTTPStatus.FORBIDDEN)
        form = parse_qs((await request.body()).decode(errors="replace"))
        question = form.get("question", [""])[0].strip()[:LONGEST]
        models = [name for name in self._results.models if name in form.get("model", [])]
        temperature = _temperature(form.get("temperature", ["0"])[0])
        answers = await run_in_threadpool(self._answers, question, models, temperature)
        return self._arena(question, models, temperature, answers)

    # --- what pages load -------------------------------------------------------------------------

    def figure(self, request: Request) -> Response:
        """Return a figure as plotly JSON."""
        name = request.query_params.get("name", "")
        drawn = self._curves() if name == "curves" else self._results.figure(name).to_json()
        return self._dressed(Response(drawn, media_type="application/json"))

    def plotly(self, request: Request) -> Response:
        """Return plotly's own library, which comes with the package: nothing is fetched."""
        from plotly.offline import get_plotlyjs

        return self._dressed(Response(get_plotlyjs(), media_type="text/javascript"))

    def script(self, request: Request) -> Response:
        """Return the script that draws the figures."""
        text = (PAGES / "view.js").read_text("utf-8")
        return self._dressed(Response(text, media_type="text/javascript"))

    def explain(self, request: Request, error: Exception) -> Response:
        """Say what is missing, instead of the page."""
        return self._page("fault", HTTPStatus.NOT_FOUND, told=str(error))

    # ---------------------------------------------------------------------------------------------

    def _page(self, name: str, status: int = HTTPStatus.OK, **values: object) -> Response:
        page = self._pages.get_template(f"{name}.html.j2")
        text = page.render(study=self._results, here=name, **values)
        return self._dressed(HTMLResponse(text, status))

    def _dressed(self, response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    def _figures(self) -> list[str]:
        study = self._results.study
        return self._results.figures if study.store.find(study.comparison) else []

    def _curves(self) -> str:
        """Draw loss by step of every arm, on training and on held-out rows."""
        from html import escape

        from plotly.graph_objects import Figure

        table = self._tables.read("curves")
        drawn = Figure(layout={"title": {"text": "Loss by step"}, "template": "none"})
        for _, part in table.groupby(["model", "split"], sort=False):
            model, split = part["model"].iloc[0], part["split"].iloc[0]
            dash = "solid" if split == "validation" else "dot"
            drawn.add_scatter(
                x=part["step"], y=part["loss"], name=escape(f"{model}, {split}"), line_dash=dash
            )
        return str(drawn.to_json())

    def _arena(
        self, question: str, chosen: Sequence[str], temperature: float, answers: dict[str, str]
    ) -> Response:
        return self._page(
            "arena", question=question, chosen=chosen, temperature=temperature, answers=answers
        )

    def _answers(self, question: str, models: Sequence[str], temperature: float) -> dict[str, str]:
        if not question:
            return {}
        turns = [{"role": "user", "content": question}]
        with self._one_at_a_time:  # adapters are exchanged on one base
            return {name: self._told(name, turns, temperature) for name in models}

    def _told(self, model: str, turns: Sequence[dict[str, str]], temperature: float) -> str:
        try:
            return self._answer(model, turns, temperature)
        except TunerError as error:  # an arm that is not trained yet
            return f"(no answer: {error})"


def _number(request: Request) -> int:
    asked = request.query_params.get("page", "1")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1


def _temperature(asked: str) -> float:
    try:
        return min(max(float(asked), 0.0), 2.0)
    except ValueError:
        return 0.0
