package dash

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page
var files embed.FS

// scripts and styles are joined in this order. The scripts are one module: a
// name in one is known in all, and nothing of the page is visible to others.
const (
	scripts = "format dom chart timechart histogram sources lanes charts claims run compare main"
	styles  = "base charts print"
)

// icon is the page's icon, in the page, so that a browser asks no server.
const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M8 1v14M2 4.5l12 7M14 4.5l-12 7' stroke='%232466b1' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E"

// assets are the parts of a page that are the same for every run.
type assets struct {
	page          *template.Template
	script, style string
}

func loadAssets() (*assets, error) {
	script, err := join(scripts, "js")
	if err != nil {
		return nil, err
	}
	style, err := join(styles, "css")
	if err != nil {
		return nil, err
	}
	page, err := template.ParseFS(files, "page/page.html")
	if err != nil {
		return nil, fmt.Errorf("dash: %w", err)
	}
	return &assets{page: page, script: script, style: style}, nil
}

func join(names, extension string) (string, error) {
	var b strings.Builder
	for name := range strings.FieldsSeq(names) {
		text, err := files.ReadFile("page/" + name + "." + extension)
		if err != nil {
			return "", fmt.Errorf("dash: %w", err)
		}
		b.WriteByte('\n')
		b.Write(text)
	}
	return b.String(), nil
}

func (a *assets) size() int { return len(a.script) + len(a.style) }

// policy allows the script and the style of the page, its icon, and for a live
// page the feed from the same server. Everything else is refused, so a text
// that slipped into the page as markup could neither run nor call out.
func (a *assets) policy(live bool) string {
	policy := []string{
		"default-src 'none'",
		"script-src " + hash(a.script),
		"style-src " + hash(a.style),
		"img-src data:",
		"base-uri 'none'",
		"form-action 'none'",
	}
	if live {
		policy = append(policy, "connect-src 'self'")
	}
	return strings.Join(policy, "; ")
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
