package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// The parts of SARIF 2.1.0 that a report needs. Source: OASIS, "Static Analysis
// Results Interchange Format (SARIF) Version 2.1.0", and GitHub's "SARIF
// support for code scanning".
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Bases       map[string]any    `json:"originalUriBaseIds,omitempty"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Version        string      `json:"version,omitempty"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string         `json:"id"`
		Name          string         `json:"name"`
		Short         sarifText      `json:"shortDescription"`
		Full          sarifText      `json:"fullDescription"`
		Help          sarifMarkdown  `json:"help"`
		HelpURI       string         `json:"helpUri"`
		Configuration map[string]any `json:"defaultConfiguration"`
		Properties    map[string]any `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifMarkdown struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

// SARIFOptions say what a SARIF log needs beside the report.
type SARIFOptions struct {
	Version string // of thaw
	// Root is the folder of the repository, to which paths are made relative; ""
	// leaves relative paths as they are.
	Root string
	// Fallback is the file of findings that have none, such as those of a live
	// account: code scanning wants a file for each result.
	Fallback string
}

// WriteSARIF writes the report as a SARIF 2.1.0 log with one run, which GitHub
// code scanning takes.
func (r *Report) WriteSARIF(w io.Writer, opts SARIFOptions) error {
	index := map[string]int{}
	rules := []sarifRule{}
	for i, rule := range Rules() {
		index[rule.ID] = i
		rules = append(rules, rule.sarif())
	}
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "thaw check", InformationURI: "https://github.com/thawdev/thaw", Version: opts.Version, Rules: rules}},
		Invocations: []sarifInvocation{{Successful: true}},
		ColumnKind:  "utf16CodeUnits",
		Results:     []sarifResult{},
	}
	for _, g := range r.Gaps {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{"warning", sarifText{"not read: " + g.What + ": " + g.Why}})
	}
	for _, f := range r.Findings {
		run.Results = append(run.Results, f.sarif(index, opts))
	}
	for _, s := range r.Ignored {
		kind := "inSource"
		if s.By == "--disable" {
			kind = "external"
		}
		result := s.Finding.sarif(index, opts)
		result.Suppressions = []sarifSuppression{{kind, s.Reason}}
		run.Results = append(run.Results, result)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifLevel(s Severity) string {
	if s == Info {
		return "note"
	}
	return string(s)
}

func (rule *Rule) sarif() sarifRule {
	return sarifRule{
		ID: rule.ID, Name: rule.Name,
		Short:         sarifText{rule.Doc.Title + "."},
		Full:          sarifText{rule.Doc.Why},
		Help:          sarifMarkdown{rule.Doc.Why + "\n\nFix: " + rule.Doc.Fix, rule.Doc.Why + "\n\n**Fix:** " + rule.Doc.Fix},
		HelpURI:       "https://github.com/thawdev/thaw/blob/main/docs/checks.md#" + strings.ToLower(rule.ID),
		Configuration: map[string]any{"level": sarifLevel(rule.Severity)},
		Properties:    map[string]any{"tags": []string{"aws", "lambda", "elasticache", groupTag(rule)}, "precision": "very-high", "problem.severity": problemSeverity(rule.Severity)},
	}
}

func groupTag(rule *Rule) string {
	for _, g := range Groups() {
		if g.Letter == rule.group() {
			return strings.ToLower(strings.ReplaceAll(g.Title, " ", "-"))
		}
	}
	return "other"
}

// problemSeverity is GitHub's word for a severity.
func problemSeverity(s Severity) string {
	if s == Info {
		return "recommendation"
	}
	return string(s)
}

func (f Finding) sarif(index map[string]int, opts SARIFOptions) sarifResult {
	location := sarifLocation{Logical: []sarifLogical{{f.logical(), "resource"}}}
	if uri := f.uri(opts); uri != "" {
		location.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: uri}, Region: &sarifRegion{max(f.Line, 1)}}
		if !strings.HasPrefix(uri, "file://") {
			location.Physical.Artifact.Base = "%SRCROOT%"
		}
	}
	return sarifResult{
		RuleID: f.ID, RuleIndex: index[f.ID], Level: sarifLevel(f.Severity),
		Message:      sarifText{f.Message},
		Locations:    []sarifLocation{location},
		Fingerprints: map[string]string{"thaw/v1": f.fingerprint()},
		Properties:   map[string]any{"fix": f.Fix},
	}
}

func (f Finding) logical() string {
	if f.Address != "" {
		return f.Address
	}
	return f.Resource
}

// fingerprint is the same for the same finding after lines were added above
// it.
func (f Finding) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.ID, f.Resource, f.Address, f.Message}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// uri is the file of a finding, relative to the repository.
func (f Finding) uri(opts SARIFOptions) string {
	name := f.File
	if name == "" {
		name = opts.Fallback
	}
	if name == "" || name == "-" {
		return ""
	}
	if opts.Root != "" {
		if abs, err := filepath.Abs(name); err == nil {
			if rel, err := filepath.Rel(opts.Root, abs); err == nil && !strings.HasPrefix(rel, "..") {
				name = rel
			}
		}
	}
	name = filepath.ToSlash(name)
	if filepath.IsAbs(name) {
		return "file://" + escapePath(name)
	}
	return escapePath(strings.TrimPrefix(name, "./"))
}

// escapePath writes a path as a part of a URI.
func escapePath(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
