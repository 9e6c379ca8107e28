"""A person at the Prefect UI: opens a deployment's form, changes fields, submits."""

import os
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 90_000  # milliseconds: the page itself takes seconds to build on a busy machine


@contextmanager
def browser_page(height=1000):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1000, "height": height})
        page.set_default_timeout(PATIENCE)
        try:
            yield page
        finally:
            browser.close()


def open_form(page, ui, deployment):
    page.goto(f"{ui}/deployments/deployment/{deployment.id}/run", wait_until="domcontentloaded")
    group(page, "preset").wait_for()


def group(page, label):
    """A parameter: its name, help text, tabs and input."""
    names = f"normalize-space()='{label}' or normalize-space()='{label} (Optional)'"
    box = "ancestor::div[contains(concat(' ',@class,' '),' schema-form-property ')][1]"
    path = f"//span[contains(@class,'schema-form-property__label')][{names}]/{box}"
    return page.locator(f"xpath={path}").first


def choose(page, label, option):
    """Choose from the list of a parameter that has one."""
    group(page, label).locator(".p-select-button__control").press("ArrowDown")
    page.locator(".p-select-option").get_by_text(option, exact=True).click()


def write(page, label, value, tab=None):
    """Write into a parameter, under the tab of a type where it may be of several."""
    found = group(page, label)
    if tab is not None:
        found.locator(".p-button-group__button").get_by_text(tab, exact=True).click()
    found.locator("input, textarea").first.fill(str(value))


def submit(page):
    page.keyboard.press("Tab")
    page.wait_for_timeout(1000)  # the form takes a field's value a moment after it was left
    page.get_by_role("button", name="Submit").click()


def submit_and_leave(page, tries=3):
    """Submit until the form gives way to the deployment's page.

    On a busy machine the form may not hold the last value yet, and refuses the old one once more.
    """
    from playwright.sync_api import TimeoutError as Slow

    for left in reversed(range(tries)):
        submit(page)
        try:
            page.wait_for_url(lambda url: not url.endswith("/run"), wait_until="commit")
            return
        except Slow:
            if not left:
                raise


def picture(page, name):
    """Keep what the browser shows, for docs/images, if PICTURES names a folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")
