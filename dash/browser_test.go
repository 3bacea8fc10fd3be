package dash

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, spoken to in the DevTools
// protocol over a pipe: messages of JSON, each ended by a zero byte, on file 3
// of the process and back on file 4. That needs no port and no library.
type browser struct {
	t       testing.TB
	out     io.Writer
	session string

	mu      sync.Mutex
	next    int
	waiting map[int]chan message
	events  map[string]chan message
	console []string // what the page complained about
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	Session string `json:"sessionId,omitempty"`
}

const browserTimeout = 60 * time.Second

// openBrowser starts Chromium and opens an empty page. Without Chromium the
// test is skipped; with THAW_REQUIRE_REAL=1 it fails.
func openBrowser(t testing.TB) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		if os.Getenv("THAW_REQUIRE_REAL") == "1" {
			t.Fatal("Chromium is not on PATH, and THAW_REQUIRE_REAL=1")
		}
		t.Skip("Chromium is not on PATH")
	}
	profile, err := os.MkdirTemp("", "thaw-dash-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	hear, say, err1 := os.Pipe()
	answer, speak, err2 := os.Pipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	cmd.ExtraFiles = []*os.File{hear, speak}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hear.Close()
	speak.Close()
	b := &browser{t: t, out: say, waiting: map[int]chan message{}, events: map[string]chan message{"Page.loadEventFired": make(chan message, 16)}}
	go b.read(answer)
	t.Cleanup(func() {
		// Asked to close, it waits for its own processes, which write to the
		// profile until the end.
		_, _ = say.WriteString(`{"id":1000000000,"method":"Browser.close"}` + "\x00")
		stop := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stop.Stop()
		say.Close()
		answer.Close()
		os.RemoveAll(profile)
	})
	var targets struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	b.call("Target.getTargets", nil, &targets)
	for _, target := range targets.TargetInfos {
		if target.Type == "page" {
			var attached struct{ SessionID string }
			b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
			b.session = attached.SessionID
		}
	}
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

func (b *browser) read(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.ID != 0:
			if c := b.waiting[m.ID]; c != nil {
				c <- m
			}
		case m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded", m.Method == "Runtime.consoleAPICalled":
			b.console = append(b.console, m.Method+" "+string(m.Params))
		default:
			if c := b.events[m.Method]; c != nil {
				c <- m
			}
		}
		b.mu.Unlock()
	}
}

// call sends a command and waits for its answer.
func (b *browser) call(method string, params any, into any) {
	b.t.Helper()
	b.mu.Lock()
	b.next++
	id := b.next
	answer := make(chan message, 1)
	b.waiting[id] = answer
	b.mu.Unlock()
	raw, _ := json.Marshal(params)
	if params == nil {
		raw = []byte("{}")
	}
	text, _ := json.Marshal(message{ID: id, Method: method, Params: raw, Session: b.session})
	if _, err := b.out.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if into != nil {
			if err := json.Unmarshal(m.Result, into); err != nil {
				b.t.Fatal(err)
			}
		}
	case <-time.After(browserTimeout):
		b.t.Fatalf("%s: no answer", method)
	}
}

// look is how the page is looked at.
type look struct {
	width, height int
	dark, print   bool
}

func (b *browser) as(l look) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": l.width, "height": l.height, "deviceScaleFactor": 1, "mobile": l.width < 600}, nil)
	scheme, media := "light", ""
	if l.dark {
		scheme = "dark"
	}
	if l.print {
		media = "print"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// open loads an address and waits until it has loaded; it returns the time.
func (b *browser) open(address string) time.Duration {
	b.t.Helper()
	began := time.Now()
	b.call("Page.navigate", map[string]any{"url": address}, nil)
	select {
	case <-b.events["Page.loadEventFired"]:
	case <-time.After(browserTimeout):
		b.t.Fatalf("%s did not load", address)
	}
	return time.Since(began)
}

// openPage writes the page to a file and opens that, as a reader would.
func (b *browser) openPage(html string) time.Duration {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "run.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return b.open((&url.URL{Scheme: "file", Path: file}).String())
}

// eval runs an expression in the page and decodes what it gives.
func (b *browser) eval(expression string, into any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if into != nil {
		if err := json.Unmarshal(answer.Result.Value, into); err != nil {
			b.t.Fatalf("%s gave %s: %v", expression, answer.Result.Value, err)
		}
	}
}

// settled waits until the page has drawn what is due.
func (b *browser) settled() {
	b.t.Helper()
	b.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))", nil)
}

// quiet fails the test if the page complained.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, c := range b.console {
		b.t.Errorf("the page complains: %.400s", c)
		if i == 2 {
			b.t.Errorf("and %d times more", len(b.console)-3)
			break
		}
	}
}

func (b *browser) pointer(x, y float64) {
	b.t.Helper()
	b.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": x, "y": y}, nil)
}

func (b *browser) key(name string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name}, nil)
	}
}

// screenshot writes the whole page as PNG, for people to look at.
func (b *browser) screenshot(file string, clipHeight int) {
	b.t.Helper()
	var size [2]float64
	b.eval("[document.documentElement.clientWidth, document.documentElement.scrollHeight]", &size)
	if clipHeight > 0 {
		size[1] = min(size[1], float64(clipHeight))
	}
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}}, &shot)
	b.save(file, shot.Data)
}

func (b *browser) pdf(file string) {
	b.t.Helper()
	var doc struct{ Data string }
	b.call("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": false, "paperWidth": 8.27, "paperHeight": 11.69}, &doc)
	b.save(file, doc.Data)
}

func (b *browser) save(file, base64text string) {
	b.t.Helper()
	data, err := base64.StdEncoding.DecodeString(base64text)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// where returns the middle of the element in the window, after scrolling to it.
func (b *browser) where(selector string) (x, y float64) {
	b.t.Helper()
	var at [2]float64
	b.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: 'center', behavior: 'instant'});
		const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`, selector), &at)
	return at[0], at[1]
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	var s string
	b.eval(fmt.Sprintf("document.querySelector(%q).textContent", selector), &s)
	return strings.ReplaceAll(s, "\u00a0", " ")
}
