package iac

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// parameter is one entry of the Parameters section with the value it has.
type parameter struct {
	value value
	cost  int // of one use, in the units of the template's budget
}

// maxParameter is the longest parameter value that CloudFormation takes, in
// bytes.
const maxParameter = 4096

func (t *template) readParameters() {
	section := t.root.get("Parameters")
	for _, name := range section.keys() {
		f, _ := section.field(name)
		p := &parameter{value: t.parameterValue(f)}
		p.value.at = f.position
		p.cost = length(p.value.text)/bytesPerUnit + len(p.value.items)
		t.parameters[name] = p
	}
	for _, name := range slices.Sorted(maps.Keys(t.opts.Parameters)) {
		if t.parameters[name] == nil {
			t.report.add(position{}, "", "--parameter %s: the template has no such parameter%s", name, nearest(name, section.keys()))
		}
	}
}

func (t *template) parameterValue(f field) value {
	typ := "String"
	if n := f.value.get("Type"); n != nil {
		typ = n.text
	}
	given, overridden := t.opts.Parameters[f.key]
	if db := t.database; db != nil && db.Parameter == f.key && !overridden {
		return reference(stack.DatabaseID, stack.DatabaseURL)
	}
	// The value of an SSM parameter is the path of what is looked up at
	// deployment; an override names the value itself.
	if strings.HasPrefix(typ, "AWS::SSM::Parameter::Value<") && !overridden {
		return unknownValue("parameter " + f.key + " is looked up in SSM; pass --parameter " + f.key + "=…")
	}
	if !overridden {
		def := f.value.get("Default")
		if def == nil || def.kind != scalar {
			return unknownValue("parameter " + f.key + " has no default; pass --parameter " + f.key + "=…")
		}
		given = def.text
	}
	t.checkParameter(f, typ, given)
	return t.typedParameter(f, typ, given)
}

func (t *template) typedParameter(f field, typ, given string) value {
	noEcho := f.value.get("NoEcho")
	secret := stack.Text{{Secret: noEcho != nil && strings.EqualFold(noEcho.text, "true")}}
	if typ != "CommaDelimitedList" && !strings.Contains(typ, "List<") {
		return derived(secret, given)
	}
	v := value{kind: sequence}
	for item := range strings.SplitSeq(given, ",") {
		item := derived(secret, strings.TrimSpace(item))
		item.at = f.position
		v.items = append(v.items, item)
	}
	return v
}

// checkParameter reports a value that CloudFormation would refuse. Messages
// leave the value of a NoEcho parameter out.
func (t *template) checkParameter(f field, typ, given string) {
	shown := strconv.Quote(given)
	if n := f.value.get("NoEcho"); n != nil && strings.EqualFold(n.text, "true") {
		shown = "the value"
	}
	if len(given) > maxParameter {
		t.report.add(f.position, f.key, "the value is longer than %d bytes, the most that CloudFormation takes", maxParameter)
		return
	}
	if typ == "Number" {
		if _, err := strconv.ParseFloat(given, 64); err != nil {
			t.report.add(f.position, f.key, "%s is not a number, and the parameter's type is Number", shown)
		}
	}
	if allowed := f.value.get("AllowedValues"); allowed != nil && allowed.kind == list {
		values := make([]string, len(allowed.items))
		for i, item := range allowed.items {
			values[i] = item.text
		}
		if !slices.Contains(values, given) {
			t.report.add(f.position, f.key, "%s is not one of AllowedValues: %s", shown, strings.Join(values, ", "))
		}
	}
	// Patterns are Java's. One that Go cannot read is left to CloudFormation.
	if pattern := f.value.get("AllowedPattern"); pattern != nil && len(pattern.text) <= maxParameter {
		if re, err := regexp.Compile("^(?:" + pattern.text + ")$"); err == nil && !re.MatchString(given) {
			t.report.add(f.position, f.key, "%s does not match AllowedPattern %s", shown, pattern.text)
		}
	}
}

// pseudo returns the value of a pseudo parameter.
func (t *template) pseudo(name string) (value, bool) {
	partition, suffix := "aws", "amazonaws.com"
	switch {
	case strings.HasPrefix(t.opts.Region, "cn-"):
		partition, suffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(t.opts.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	switch name {
	case "AWS::NoValue":
		return value{}, true
	case "AWS::Region":
		return literal(t.opts.Region), true
	case "AWS::AccountId":
		return literal(t.opts.AccountID), true
	case "AWS::StackName":
		return literal(t.opts.StackName), true
	case "AWS::Partition":
		return literal(partition), true
	case "AWS::URLSuffix":
		return literal(suffix), true
	case "AWS::StackId", "AWS::NotificationARNs":
		return unknownValue(name), true
	}
	return value{}, false
}
