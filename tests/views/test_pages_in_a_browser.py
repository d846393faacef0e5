"""Pages in a real browser: every button and key, two players side by side, an empty console, no request."""

import shutil

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value

selenium = pytest.importorskip("selenium", reason="needs selenium")
pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromedriver"), reason="needs Chromium and chromedriver"),
    pytest.mark.filterwarnings("ignore"),  # of the driver's own
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1100,800",
    ]:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def player(browser, tmp_path):
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    page = tg.animate(tg.tanh(a * b * 0.1 + b**3 * 0.05)).save(tmp_path / "player.html")
    browser.get(page.as_uri())
    return browser


def count(driver):
    return driver.find_element("id", "count").text


def press(driver, name):
    driver.find_element("id", name).click()


def wait_until(driver, condition, seconds=5):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, seconds, poll_frequency=0.05).until(lambda _: condition())


def visible_numbers(driver, kind):
    script = "return [...document.querySelectorAll('.' + arguments[0] + ':not(.unset)')].map(e => e.textContent)"
    return driver.execute_script(script, kind)


def test_every_button_does_what_it_says(player):
    assert count(player) == "1 / 15"
    press(player, "next")
    assert count(player) == "2 / 15"
    press(player, "last")
    assert count(player) == "15 / 15"
    press(player, "back")
    assert count(player) == "14 / 15"
    press(player, "first")
    assert count(player) == "1 / 15"


def test_every_key_does_what_it_says(player):
    from selenium.webdriver.common.keys import Keys

    body = player.find_element("tag name", "body")
    for key, expected in ((Keys.ARROW_RIGHT, 2), (Keys.END, 15), (Keys.ARROW_LEFT, 14), (Keys.HOME, 1)):
        body.send_keys(key)
        assert count(player) == f"{expected} / 15"
    body.send_keys(" ")
    assert player.find_element("id", "play").text == "pause"
    body.send_keys(" ")
    assert player.find_element("id", "play").text == "play"


def test_a_key_with_a_modifier_is_left_to_the_browser(player):
    keydown = "dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', altKey: true}))"
    player.execute_script(keydown)

    assert count(player) == "1 / 15"


def test_the_controls_of_a_tall_picture_are_in_sight_and_what_is_lit_is_followed(browser, tmp_path):
    xs = [Value(float(i), label=f"x{i}") for i in range(30)]
    browser.get(tg.animate(tg.sum(xs)).save(tmp_path / "tall.html").as_uri())
    press(browser, "last")
    bottom = "return document.getElementById('bar').getBoundingClientRect().bottom - innerHeight"
    assert browser.execute_script(bottom) <= 0

    press(browser, "back")
    stage = "document.getElementById('stage').getBoundingClientRect()"
    lit = f"const b = parts[steps[now].lit[0]].getBoundingClientRect(), s = {stage}"
    assert browser.execute_script(f"{lit}; return b.top >= s.top && b.bottom <= s.bottom")


def test_a_colon_in_a_label_is_not_a_heading(browser, tmp_path):
    y = Value(2.0, label="x") * 3
    y.label = "a:b"
    browser.get(tg.animate(y).save(tmp_path / "colon.html").as_uri())
    press(browser, "next")
    press(browser, "next")

    assert "a:b" in browser.find_element("id", "caption").text
    assert not browser.find_elements("css selector", "#caption b")


def test_play_goes_on_by_itself_at_the_chosen_speed_and_stops_at_the_end(player):
    from selenium.webdriver.support.ui import Select

    Select(player.find_element("id", "speed")).select_by_value("20")
    press(player, "play")

    wait_until(player, lambda: count(player) == "15 / 15")
    assert player.find_element("id", "play").text == "play"


def test_pause_stays_where_it_is(player):
    press(player, "play")
    wait_until(player, lambda: count(player) != "1 / 15")
    press(player, "play")
    here = count(player)
    player.execute_async_script("setTimeout(arguments[0], 1700)")

    assert count(player) == here


def test_the_slider_goes_to_any_step(player):
    script = "const s = document.getElementById('slider'); s.value = 6; s.dispatchEvent(new Event('input'))"
    player.execute_script(script)

    assert count(player) == "7 / 15"
    assert len(visible_numbers(player, "data")) > 6
    assert visible_numbers(player, "grad") == []


def test_the_numbers_at_the_end_are_the_gradients_and_going_back_takes_them_away(player):
    press(player, "last")
    assert "0.1711" in visible_numbers(player, "grad")
    press(player, "first")
    assert visible_numbers(player, "grad") == []


def test_contributions_fly_and_arrive(player):
    for _ in range(9):
        press(player, "next")
    press(player, "next")

    wait_until(player, lambda: not player.find_elements("class name", "flight"))
    assert "0.04278" in visible_numbers(player, "grad") or "0.8556" in visible_numbers(player, "grad")


def test_two_players_on_one_page_do_not_disturb_each_other(browser, tmp_path):
    x = Value(3.0, label="x")
    page = tmp_path / "two.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{tg.animate(x * x).html()}{tg.animate(tg.exp(x)).html()}")
    browser.get(page.as_uri())
    first, second = browser.find_elements("tag name", "iframe")

    browser.switch_to.frame(second)
    press(browser, "next")
    after = count(browser)
    browser.switch_to.default_content()
    browser.switch_to.frame(first)

    assert (after, count(browser)) == ("2 / 5", "1 / 5")


def test_the_console_stays_empty_and_no_request_leaves_the_page(player):
    import json

    player.get_log("performance")
    player.refresh()
    for name in ("next", "last", "first", "play"):
        press(player, name)

    assert [entry["message"] for entry in player.get_log("browser")] == []
    asked = [json.loads(entry["message"])["message"] for entry in player.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    assert urls
    assert all(url.startswith(("file:", "data:")) for url in urls)


def test_a_hostile_label_does_not_run(browser, tmp_path):
    x = Value(
        2.0, label="</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    )
    browser.get(tg.animate(x * x, title="mine").save(tmp_path / "hostile.html").as_uri())
    press(browser, "last")

    assert browser.title == "mine"


def test_the_training_player_moves_with_the_same_buttons(browser, tmp_path):
    from tinygrad_lite import nn

    model = nn.MLP(2, [4, 1], activation="tanh", seed=1)
    data, optimizer = nn.datasets.moons(20, seed=0), nn.SGD(model.parameters(), lr=0.5)
    loss = nn.binary_cross_entropy_from_logits
    history = nn.fit(model, data, loss, optimizer, epochs=6, record=True, progress=False)
    browser.get(tg.animate_training(history).save(tmp_path / "run.html").as_uri())

    pixels = "return [...document.querySelectorAll('canvas')].map(canvas => canvas.toDataURL())"
    before = browser.execute_script(pixels)
    press(browser, "last")

    assert count(browser) == "6 / 6"
    assert all(one != other for one, other in zip(before, browser.execute_script(pixels), strict=True))
    assert [entry["message"] for entry in browser.get_log("browser")] == []


@pytest.fixture
def live(browser, tmp_path):
    a, b = Value(2.0, label="a"), Value(-3.0, label="</script><img src=x onerror=alert(1)>")
    page = tg.live((a * b + 7.0).tanh(), title="<b>").save(tmp_path / "live.html")
    browser.get(page.as_uri())
    return browser


def numbers(driver):
    return driver.execute_script("return [G.data[0], G.grad[0], G.data[P.root]]")


def test_a_leaf_follows_the_hand_the_keys_and_the_typed_number_and_undo_takes_it_back(live):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    box = live.find_element("css selector", '[data-k="v0"]')
    before = numbers(live)
    ActionChains(live).click_and_hold(box).move_by_offset(30, 0).release().perform()
    dragged = numbers(live)
    assert dragged[0] > before[0]
    assert dragged[2] != before[2]
    live.execute_script("document.querySelector('[data-k=\"v0\"]').focus()")
    live.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert numbers(live)[0] < dragged[0]
    field = live.find_element("id", "number")
    field.clear()
    field.send_keys("2.5", Keys.TAB)
    assert numbers(live)[0] == 2.5
    for _ in range(5):
        press(live, "undo")
    assert numbers(live) == before


def test_a_finger_drags_a_leaf_and_a_key_on_it_opens_its_number(live):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput
    from selenium.webdriver.common.keys import Keys

    box = live.find_element("css selector", '[data-k="v0"]')
    before = numbers(live)
    touch = ActionBuilder(live, mouse=PointerInput("touch", "finger"))
    touch.pointer_action.move_to(box).pointer_down().move_by(30, 0).pointer_up()
    touch.perform()
    assert numbers(live)[0] > before[0]
    live.execute_script("document.querySelector('[data-k=\"v0\"]').focus()")
    live.switch_to.active_element.send_keys(Keys.ENTER)
    assert live.switch_to.active_element.get_attribute("id") == "number"
    assert box.get_attribute("aria-valuetext").startswith(f"{numbers(live)[0]:.4g}, gradient ")


def test_an_activation_is_exchanged_and_an_address_keeps_it(live):
    live.execute_script("choose(P.root); at('flip').value = 'relu'; at('flip').dispatchEvent(new Event('change'))")
    kept = numbers(live)
    hash_ = live.execute_script("return address()")
    live.get(live.current_url.split("#")[0] + hash_)
    live.refresh()

    assert kept[2] == 1.0
    assert numbers(live) == kept


def test_gradient_descent_goes_down_and_reset_goes_back(live):
    before = numbers(live)
    for _ in range(5):
        press(live, "step")
    assert numbers(live)[2] < before[2]
    press(live, "reset")
    assert numbers(live) == before
    assert live.get_log("browser") == []
    assert not live.find_elements("css selector", "img")


def test_of_a_large_graph_only_what_is_in_view_is_in_the_document_and_its_numbers_are_those_of_now(browser, tmp_path):
    y = Value(0.5, label="x")
    for _ in range(600):
        y = tg.sin(y)
    browser.get(tg.live(y, depth=None, limit=None).save(tmp_path / "large.html").as_uri())
    there = "return [...document.querySelectorAll('[data-k^=v]')].map(part => part.dataset.k)"
    first = browser.execute_script(there)
    browser.execute_script("assign(0, 1.5); stage.scrollLeft = 40000")
    wait_until(browser, lambda: "v0" not in browser.execute_script(there))

    assert "v0" in first
    assert 1 < len(browser.execute_script(there)) < 100
    assert len(first) < 100
    shown = "return view.map(([i, box]) => [box.texts.data.textContent, short(G.data[i])])"
    assert all(text == now for text, now in browser.execute_script(shown))
    assert browser.get_log("browser") == []


DRAG = """
const done = arguments[0], leaf = document.querySelector('.leaf[data-k^="v"]');
const point = (kind, x) => leaf.dispatchEvent(new PointerEvent(kind, {bubbles: true, clientX: x, clientY: 5}));
leaf.setPointerCapture = () => {};
point("pointerdown", 0);
const began = performance.now(), before = G.data[P.root];
let frames = 0;
requestAnimationFrame(function frame() {
  point("pointermove", ++frames);
  if (performance.now() - began < 2000) return requestAnimationFrame(frame);
  point("pointerup", frames);
  done([frames / (performance.now() - began) * 1000, G.data[P.root] !== before, boxes.size]);
});
"""


def test_two_thousand_values_follow_a_drag_at_fifteen_frames_a_second(browser, tmp_path):
    h = leaves = [Value(0.3 + 0.01 * i, label=f"w{i}") for i in range(20)]
    for i in range(66):
        h = [tg.tanh(x * leaves[(i + k) % 20]) if k % 2 else x + h[k - 1] for k, x in enumerate(h)]
    browser.get(tg.live(tg.mean(h), depth=None, limit=None).save(tmp_path / "large.html").as_uri())
    rate, moved, values = browser.execute_async_script(DRAG)

    assert values >= 2000
    assert moved
    assert rate >= 15


def test_a_page_follows_the_colours_of_the_system_unless_it_was_given_its_own(browser, tmp_path):
    y, ground = Value(2.0, label="x") * 3.0, "return getComputedStyle(document.getElementById('stage')).filter"
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    found = []
    for theme in ("light", "dark", "print"):
        browser.get(tg.live(y, theme=theme).save(tmp_path / f"{theme}.html").as_uri())
        found.append(browser.execute_script(ground))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert found == ["invert(0.92) hue-rotate(180deg)", "none", "none"]


def test_a_click_in_a_player_tells_the_chain_rule_and_changes_no_number(player):
    press(player, "last")
    player.find_element("css selector", '[data-k="v0"]').click()

    assert "d y/d a = 0.1711" in player.find_element("id", "node").text
    assert not player.find_element("id", "edit").is_displayed()
    assert not player.find_element("id", "descent").is_displayed()


def test_a_narrow_page_does_not_scroll_sideways(live):
    live.set_window_size(400, 800)
    try:
        assert live.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        live.set_window_size(1100, 800)


def test_a_printed_page_shows_the_whole_picture_and_no_buttons(browser, tmp_path):
    w = Value(0.5, label="w")
    page = tg.animate(sum(tg.tanh(w * float(i)) for i in range(25)), direction="TB").save(tmp_path / "player.html")
    browser.get(page.as_uri())
    clipped = (
        "const stage = document.getElementById('stage');"
        "return [stage.scrollHeight - stage.clientHeight, stage.scrollWidth - stage.clientWidth];"
    )
    assert max(browser.execute_script(clipped)) > 0

    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert max(browser.execute_script(clipped)) <= 1
    assert not browser.find_element("id", "play").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
