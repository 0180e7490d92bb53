//! `report`, looked at by a browser.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::browser::Browser;
use crate::process::run;
use crate::recorder::{Place, TOOL_LIMIT, rtsp_rec, table};

const SAMPLE: &str = "samples/gstreamer_h264_aac.pcapng";
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);
/// Scrolls through the page, for every chart to come near.
const SCROLL: &str = "(async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 300) {
        scrollTo(0, y);
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
    scrollTo(0, 0);
})()";
/// How many colours are in each chart, of all that there are.
const COLOURS: &str = "[...document.querySelectorAll('.plot')].map(plot => {
    const canvas = plot.querySelector('canvas');
    if (!canvas) return 0;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
})";
const RANGE: &str = "document.querySelector('.range').textContent";

fn report(place: &Place, captures: &[&Path]) -> PathBuf {
    let page = place.dir().join("report.html");
    run(rtsp_rec().arg("report").args(captures).arg("-f").arg("-o").arg(&page), TOOL_LIMIT).expect_code(0);
    page
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)
}

/// The place of an element in the window, and its size.
fn place_of(browser: &mut Browser, selector: &str) -> [f64; 4] {
    let script = format!(
        "(() => {{ const element = document.querySelector(`{selector}`); element.scrollIntoView({{ block: 'center' }});
            const box = element.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; }})()"
    );
    let numbers = browser.evaluate(&script);
    browser.frame();
    [0, 1, 2, 3].map(|index| numbers[index].as_f64().expect("a number"))
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().expect("a list").iter().map(|number| number.as_u64().expect("a number")).collect()
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn is_drawn_in_any_light_on_any_screen() {
    let place = Place::new();
    let page = report(&place, &[&sample()]);
    let mut browser = Browser::start();
    let mut backgrounds = Vec::new();
    for size in [DESKTOP, PHONE] {
        for dark in [false, true] {
            browser.open(&page, size, dark);
            browser.evaluate(SCROLL);
            browser.frame();
            let colours = numbers(&browser.evaluate(COLOURS));
            assert_eq!(colours.len(), 14, "two streams, seven charts");
            assert!(colours.iter().all(|count| *count > 3), "charts without anything: {colours:?}");
            let widths = browser.evaluate("[document.documentElement.scrollWidth, innerWidth]");
            assert_eq!(widths[0], widths[1], "the page scrolls sideways");
            backgrounds.push(browser.evaluate("getComputedStyle(document.body).backgroundColor"));
            assert_eq!(browser.troubles(), [""; 0]);
            assert!(browser.screenshot().len() > 10_000);
        }
    }
    assert_eq!((&backgrounds[0], &backgrounds[1]), (&backgrounds[2], &backgrounds[3]));
    assert_ne!(backgrounds[0], backgrounds[1]);
    browser.evaluate("document.querySelector('button.theme').click()");
    assert_eq!(browser.evaluate("getComputedStyle(document.body).backgroundColor"), backgrounds[0]);
    assert_eq!(browser.troubles(), [""; 0]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn zooms_all_charts_and_tells_what_is_under_the_mouse() {
    let place = Place::new();
    let page = report(&place, &[&sample()]);
    let mut browser = Browser::start();
    browser.open(&page, DESKTOP, false);
    browser.evaluate(SCROLL);
    let all = browser.evaluate(RANGE);
    assert_eq!(all, "all of 0 to 10.511 s");

    let [x, y, width, height] = place_of(&mut browser, "[data-chart=delta] .u-over");
    let middle = y + height / 2.0;
    browser.mouse("mouseMoved", x + width / 2.0, middle, 0);
    browser.frame();
    let hovered = browser.evaluate(
        "[...document.querySelectorAll('[data-stream=\"1\"] .plot')].map(plot => plot.querySelector('.u-value').textContent)",
    );
    let moments: Vec<f64> = hovered
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(moments.len(), 7);
    assert!(moments.iter().all(|at| (at - 5.0).abs() < 2.0), "all charts tell of the same time: {moments:?}");
    let value =
        browser.evaluate("document.querySelector('[data-chart=delta] .u-series:nth-child(2) .u-value').textContent");
    assert!(value.as_str().unwrap().contains(" ms · frame "), "{value}");

    let before = browser.evaluate("[...document.querySelectorAll('canvas')].map(canvas => canvas.toDataURL())");
    browser.mouse("mousePressed", x + width * 0.25, middle, 1);
    browser.mouse("mouseMoved", x + width * 0.5, middle, 1);
    browser.mouse("mouseReleased", x + width * 0.5, middle, 1);
    browser.frame();
    assert_ne!(browser.evaluate(RANGE), all);
    let after = browser.evaluate("[...document.querySelectorAll('canvas')].map(canvas => canvas.toDataURL())");
    let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
    assert!(before.iter().zip(after).all(|(before, after)| before != after), "every chart shows another time");

    browser.mouse("mousePressed", x + width * 0.5, middle, 1);
    browser.mouse("mouseReleased", x + width * 0.5, middle, 1);
    browser.mouse("mousePressed", x + width * 0.5, middle, 2);
    browser.mouse("mouseReleased", x + width * 0.5, middle, 2);
    browser.frame();
    assert_eq!(browser.evaluate(RANGE), all);

    browser.evaluate("[...document.querySelectorAll('.ladder .goto')].at(-1).click()");
    browser.frame();
    assert_eq!(browser.evaluate(RANGE), "8.564 to 10.511 s");
    let second = "document.querySelector('#s0-stream-2').getBoundingClientRect().top";
    assert!(browser.evaluate(second).as_f64().unwrap() > 200.0);
    browser.evaluate(
        "document.querySelector('.rung').dataset.of = '1/1'; document.querySelector('.ladder .goto').click()",
    );
    browser.frame();
    let top = browser.evaluate(second).as_f64().unwrap();
    assert!((0.0..200.0).contains(&top), "its stream is in sight, at {top}");
    browser.evaluate("document.querySelector('[data-do=reset]').click()");
    assert_eq!(browser.evaluate(RANGE), all);
    assert_eq!(browser.troubles(), [""; 0]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn has_the_figures_of_analyze_without_scripts_too() {
    let place = Place::new();
    let page = report(&place, &[&sample()]);
    let mut browser = Browser::start();
    let mut rows = table(&sample(), "streams");
    assert_eq!(rows.len(), 2);
    rows.sort_by_key(|row| row["track"].clone());
    for row in &mut rows {
        let path = Path::new(&row["capture"]).file_name().unwrap().to_str().unwrap().to_owned();
        row.insert("capture".to_owned(), path);
    }
    for disabled in [false, true] {
        browser.call("Emulation.setScriptExecutionDisabled", &serde_json::json!({ "value": disabled }));
        browser.open(&page, DESKTOP, false);
        for (number, row) in rows.iter().enumerate() {
            let script = format!(
                "Object.fromEntries([...document.querySelectorAll('#s0-stream-{} [data-column]')]
                    .map(cell => [cell.dataset.column, cell.checkVisibility() ? cell.innerText : 'hidden']))",
                number + 1
            );
            let cells = browser.evaluate(&script);
            assert_eq!(cells.as_object().unwrap().len(), row.len());
            for (column, value) in row {
                assert_eq!(cells[column], Value::from(value.as_str()), "{column} of stream {}", number + 1);
            }
        }
        assert_eq!(browser.evaluate("document.querySelectorAll('.rung').length"), table(&sample(), "messages").len());
        let charts = browser.evaluate("document.querySelector('.charts').checkVisibility()");
        assert_eq!(charts, !disabled);
        assert_eq!(browser.evaluate("document.body.innerText.includes('Charts need scripts')"), disabled);
    }
}

/// How high the line of a chart is, in pixels from the top, at moments of the capture; `null` where there is none.
const HEIGHTS: &str = "(chart, stream, moments) => {
    const plot = document.querySelector(`.charts[data-stream='${stream}'] [data-chart=${chart}]`);
    const canvas = plot.querySelector('canvas'), over = plot.querySelector('.u-over');
    const end = JSON.parse(document.querySelector('#s0-data').textContent).end;
    const ink = getComputedStyle(document.documentElement).getPropertyValue('--chart-1').trim();
    const wanted = [1, 3, 5].map(at => parseInt(ink.slice(at, at + 2), 16));
    return moments.map(at => {
        const x = Math.round(over.offsetLeft + (at / end + 0.005) / 1.01 * over.clientWidth);
        const { data } = canvas.getContext('2d').getImageData(x, 0, 1, canvas.height);
        for (let y = 0; y < canvas.height; y++)
            if (wanted.every((part, index) => Math.abs(part - data[4 * y + index]) < 80)) return y;
        return null;
    });
}";

/// Whatever the packet rate: video has 10 pictures a second here.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn draws_a_pause_as_a_plateau_and_breaks_the_other_lines() {
    let place = Place::new();
    let late = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/tutorial/late_network.pcapng");
    let page = report(&place, &[&late]);
    let mut browser = Browser::start();
    browser.open(&page, DESKTOP, false);
    browser.evaluate(SCROLL);
    browser.frame();
    for stream in [1, 2] {
        let mut heights = |chart, moments: &str| {
            let heights = browser.evaluate(&format!("({HEIGHTS})('{chart}', {stream}, {moments})"));
            heights.as_array().unwrap().iter().map(Value::as_u64).collect::<Vec<_>>()
        };
        let pause = "[4.2, 4.5, 4.8, 5.1, 5.3]";
        let plateau = heights("delta", pause);
        assert!(plateau[0].is_some_and(|top| top < 40), "stream {stream}: {plateau:?}");
        assert!(plateau.iter().all(|height| *height == plateau[0]), "stream {stream}: {plateau:?}");
        assert_eq!(heights("jitter", pause), [None; 5], "stream {stream}");
        assert_eq!(heights("skew", pause), [None; 5], "stream {stream}");
        assert!(heights("delta", "[2, 8]").iter().all(|low| low.is_some_and(|low| low > 100)), "stream {stream}");
        assert!(heights("skew", "[2, 8]").iter().all(Option::is_some), "stream {stream}");
    }
}

/// What a server or a client says is text, whatever it looks like.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn runs_nothing_that_a_capture_says() {
    let place = Place::new();
    let harmless = report(&place, &[&sample()]);
    // Charts are drawn when they come near, sooner or later.
    let count = "[...document.querySelectorAll('*:not(.plot *)')].map(element => element.tagName).join(' ')";
    let mut browser = Browser::start();
    browser.open(&harmless, DESKTOP, false);
    let elements = browser.evaluate(count);

    let mut bytes = fs::read(sample()).unwrap();
    for (said, instead) in [("GStreamer RTSP server", "<script>W=1</script>x"), ("rtsp-rec/0.1.0", "\"><img/src=x/>")] {
        assert_eq!(said.len(), instead.len());
        let at = bytes.windows(said.len()).position(|window| window == said.as_bytes()).expect("it is said");
        bytes[at..at + said.len()].copy_from_slice(instead.as_bytes());
    }
    let capture = place.dir().join("<img src=x onerror=W=1>.pcapng");
    fs::write(&capture, bytes).unwrap();
    let page = report(&place, &[&capture]);
    browser.open(&page, DESKTOP, false);
    assert_eq!(browser.evaluate(count), elements);
    assert_eq!(browser.evaluate("typeof W"), "undefined");
    let text = browser.evaluate("document.querySelector('.scroll').innerText");
    assert!(text.as_str().unwrap().contains("<script>W=1</script>x"), "{text}");
    assert_eq!(browser.troubles(), [""; 0]);
}

/// Captures that have nothing to do with each other have a section each, with a time of its own.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn has_a_section_for_each_capture() {
    let place = Place::new();
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/wireshark/duplicates.pcap");
    let page = report(&place, &[&sample(), &other]);
    let mut browser = Browser::start();
    browser.open(&page, DESKTOP, false);
    browser.evaluate(SCROLL);
    assert_eq!(browser.evaluate("document.querySelectorAll('section.capture').length"), 2);
    let ranges = browser.evaluate("[...document.querySelectorAll('.range')].map(range => range.textContent)");
    browser.evaluate("document.querySelectorAll('[data-do=in]')[1].click()");
    let zoomed = browser.evaluate("[...document.querySelectorAll('.range')].map(range => range.textContent)");
    assert_eq!(zoomed[0], ranges[0]);
    assert_ne!(zoomed[1], ranges[1]);
    assert_eq!(browser.troubles(), [""; 0]);
}
