// Asks for the scripts beside this page, and shows what works in green, what does not in red.

const says = (expected) => ({ text }) => text === expected;
const form = (fields) => ({ method: "POST", body: new URLSearchParams(fields) });

async function steps(...paths) {
  let answer;
  for (const path of paths) answer = await ask(path);
  return answer;
}

async function until(path, expected, patience = 10_000) {
  const end = performance.now() + patience;
  let answer = await ask(path);
  while (answer.text !== expected && performance.now() < end) {
    await new Promise((resume) => setTimeout(resume, 100));
    answer = await ask(path);
  }
  return answer;
}

const TESTS = {
  "dbpy": [
    ["die ends a script", "die.dbpy", says("before\nthe end\n")],
    ["a file without an extension is a script by its first line", "marked", says("marked\n")],
    ["#NOEXECUTE shows a script instead", "shown.dbpy", says('#NOEXECUTE\nprint("it ran")\n')],
  ],
  "dbpy.http": [
    ["get_params", "http/get_params.dbpy?foo=bar&list=1&list=2", says("bar 1,2\n")],
    ["post_params", () => ask("http/post_params.dbpy", form([["foo", "bar"], ["list", 1], ["list", 2]])), says("bar 1,2\n")],
    ["request", "http/request.dbpy?a=1", ({ text }) => text === `${location.host} a=1 request.dbpy http/\n`],
    [
      "get_request_header",
      () => ask("http/get_request_header.dbpy", { headers: { "X-Dbpy-Test": "ok" } }),
      says("ok\n"),
    ],
    ["set_response_header", "http/set_response_header.dbpy", ({ headers }) => headers.get("X-Dbpy-Test") === "ok"],
    ["set_response_status", "http/set_response_status.dbpy", ({ status }) => status === 255],
    ["redirect", "http/redirect.dbpy", ({ text, url }) => text === "you arrived\n" && url.endsWith("target.dbpy?from=here")],
    ["error", "http/error.dbpy", ({ status, text }) => status === 410 && text === "all gone"],
  ],
  "dbpy.io.file": [
    ["read", "io/read.dbpy", says("first line\nsecond line\n")],
    ["write", "io/write.dbpy", says("just written\n")],
    ["append", "io/append.dbpy", says("one\ntwo\nthree\n")],
    ["open and close", "io/open.dbpy", says("hello there\n")],
    ["what is open is saved at the end", () => steps("io/leave_open.dbpy", "io/left_open.dbpy"), says("left open\n")],
    ["render", "io/render.dbpy", ({ text, headers }) => text === "b { color: red }\n" && headers.get("Content-Type").startsWith("text/css")],
    ["a missing file is an IOError", "io/missing.dbpy", says("IOError\n")],
  ],
  "dbpy.io.json": [
    ["load", "io/load_json.dbpy", says("5 1 2 three\n")],
    ["save", "io/save_json.dbpy", says("it worked 3\n")],
    ["open, open_list and close", "io/open_json.dbpy", says("4 [1, 2]\n")],
    ["update", "io/update_json.dbpy", says("3\n")],
    ["render", "io/render_json.dbpy", ({ text, headers }) => JSON.parse(text).five === 5 && headers.get("Content-Type") === "application/json"],
  ],
  "dbpy.session": [
    ["it is kept", () => steps("session/destroy.dbpy", "session/count.dbpy", "session/count.dbpy", "session/count.dbpy"), says("3\n")],
    ["destroy", () => steps("session/count.dbpy", "session/destroy.dbpy", "session/read.dbpy"), says("not there\n")],
  ],
  "dbpy.templates": [
    ["render", "templates/simple.dbpy", says("<p>&lt;ok&gt;</p>\n")],
    ["extends and render_to_string", "templates/inherits.dbpy", says("BASE: EXTENDED\n")],
  ],
  "dbpy.dropbox_import": [
    ["one file", "imports/simple.dbpy", says("hello from an imported file\n")],
    ["a file that imports another", "imports/nested.dbpy", says("hello from an imported file\n")],
    ["several files", "imports/several.dbpy", says("9 olleh\n")],
  ],
  "dbpy.text": [
    ["markdown_to_html", "text/markdown.dbpy", says("<p>very <strong>good</strong></p>\n\n")],
    ["pretty_print", "text/pretty_print.dbpy", says("<pre>\n[1, &#x27;&lt;two&gt;&#x27;]\n</pre>\n")],
  ],
  "dbpy.dropbox": [
    ["list_directory", "dropbox/list_directory.dbpy", says("['list_directory.dbpy', 'make_and_remove.dbpy'] None\n")],
    ["make_directory and remove", "dropbox/make_and_remove.dbpy", says("/made ['made'] []\n")],
  ],
  "dbpy.background_request": [
    ["it is made, ten times at most", () => steps("background/trigger.dbpy").then((first) =>
      until("background/count.dbpy", "10\n").then((last) => ({ ...last, text: first.text + last.text }))),
      says("[True, True, True, True, True, True, True, True, True, True, False]\n10\n")],
  ],
};

async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", ...options });
  const { status, headers, url } = response;
  return { status, headers, url, text: await response.text() };
}

async function run(item, [, what, isRight]) {
  let answer;
  try {
    answer = await (typeof what === "string" ? ask(what) : what());
    if (isRight(answer)) {
      item.className = "good";
      return true;
    }
  } catch (error) {
    answer = { status: "", text: String(error) };
  }
  item.className = "bad";
  const got = item.appendChild(document.createElement("pre"));
  got.textContent = `${answer.status} ${answer.text.slice(0, 2000)}`;
  return false;
}

const verdict = document.querySelector("#verdict");
let right = 0;
let wrong = 0;
await ask("start.dbpy");
for (const [part, tests] of Object.entries(TESTS)) {
  const section = document.querySelector("#tests").appendChild(document.createElement("section"));
  section.appendChild(document.createElement("h2")).textContent = part;
  const list = section.appendChild(document.createElement("ul"));
  for (const test of tests) {
    const item = list.appendChild(document.createElement("li"));
    item.textContent = test[0];
    (await run(item, test)) ? right++ : wrong++;
    verdict.textContent = `${right} right, ${wrong} wrong, so far`;
  }
}
verdict.className = wrong ? "bad" : "good";
verdict.textContent = wrong ? `${wrong} of ${right + wrong} do not work` : `All ${right} work`;
