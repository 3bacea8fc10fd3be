package runtimeapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// register answers POST extension/register.
func (c *conn) register(req *request) {
	body := c.readBody(req, maxResponse)
	if body.broken != nil || body.tooLarge {
		c.refuseBody(body)
		return
	}
	name := req.fields[fieldExtensionName]
	if name == "" {
		c.answerError(403, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	var wanted struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.Unmarshal(body.bytes, &wanted); err != nil {
		c.answerError(403, "InvalidRequestFormat", err.Error())
		return
	}
	if len(wanted.ConfigurationKeys) > 0 {
		c.answerError(403, "InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead")
		return
	}
	a := c.api
	a.mu.Lock()
	if c.life.over {
		a.mu.Unlock()
		c.hangUp = true
		return
	}
	e := &extension{id: newID()}
	e.Name, e.Events, e.External = name, wanted.Events, slices.Contains(a.expected, name)
	typ, message := a.refuseRegistration(c.life, e)
	if typ == "" {
		c.life.extensions = append(c.life.extensions, e)
	}
	a.mu.Unlock()
	if typ != "" {
		a.logf("extension %s: %s: %s", name, typ, message)
		c.answerError(403, typ, message)
		return
	}
	c.reply(200, "application/json", a.registration(req.fields[fieldExtensionFeature]), "Lambda-Extension-Identifier", e.id)
}

// refuseRegistration tells why e may not register, with api.mu held. An empty
// type means that it may.
func (a *API) refuseRegistration(l *life, e *extension) (typ, message string) {
	for _, event := range e.Events {
		if why := a.refuseEvent(e, event); why != "" {
			return "Extension.InvalidEventType", event + ": " + why
		}
	}
	switch {
	case l.initDone || l.initBad:
		return "Extension.RegistrationClosed", "Extension registration closed already"
	case slices.ContainsFunc(l.extensions, func(x *extension) bool { return x.Name == e.Name }):
		return "Extension.InvalidExtensionState", "Extension with this name already registered"
	case len(l.extensions) >= maxExtensions:
		return "Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions)
	}
	return "", ""
}

// refuseEvent tells why e may not register for the event, or nothing.
func (a *API) refuseEvent(e *extension, event string) string {
	switch {
	case event != eventInvoke && event != eventShutdown:
		return "there is no such event"
	case event == eventShutdown && !e.External:
		return "internal extensions may not register for it"
	case event == eventInvoke && a.opts.MaxConcurrency > 1:
		return "extensions of Managed Instances may not register for it"
	}
	return ""
}

// registration is the answer to an extension.
func (a *API) registration(features string) string {
	doc := struct {
		AccountID string `json:"accountId,omitempty"`
		Name      string `json:"functionName"`
		Version   string `json:"functionVersion"`
		Handler   string `json:"handler"`
	}{Name: a.opts.FunctionName, Version: a.opts.FunctionVersion, Handler: a.opts.Handler}
	for feature := range strings.SplitSeq(features, ",") {
		if strings.TrimSpace(feature) == "accountId" {
			doc.AccountID = a.opts.AccountID
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return "{}" // strings always marshal
	}
	return string(b) + "\n"
}

// eventNext answers GET extension/event/next, now or when there is an event.
func (c *conn) eventNext(req *request) {
	a, l := c.api, c.life
	e := c.lockExtension(req)
	if e == nil {
		return
	}
	if e.failed != "" || e.poll != nil {
		from := e.stateName()
		a.mu.Unlock()
		c.refuseExtension(from, stateReady, e.id)
		return
	}
	e.ready = true
	if call := e.current; call != nil && e.sent {
		e.current = nil
		call.extensions--
		call.settle(time.Now())
	}
	var send deliveries
	c.parked = true
	e.poll = c
	if len(e.pending) > 0 {
		event := e.pending[0]
		e.pending = e.pending[1:]
		send = e.push(event)
	}
	a.checkInit(l)
	send = append(send, a.dispatch(l)...)
	a.mu.Unlock()
	send.run()
}

// extensionError answers POST extension/init/error and exit/error.
func (c *conn) extensionError(req *request, state string) {
	if b := c.readBody(req, maxResponse); b.broken != nil || b.tooLarge {
		c.refuseBody(b)
		return
	}
	a, l := c.api, c.life
	e := c.lockExtension(req)
	if e == nil {
		return
	}
	posted := req.fields[fieldExtensionErrorType]
	from := e.stateName()
	allowed := from == state || e.failed == "" && (state == stateExitError || from == "Registered")
	if posted == "" || !allowed {
		a.mu.Unlock()
		if posted == "" {
			c.answerError(403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
			return
		}
		c.refuseExtension(from, state, e.id)
		return
	}
	e.failed, e.Error = state, posted
	if call := e.current; call != nil {
		e.current = nil
		call.extensions--
		call.settle(time.Now())
	}
	typ := typeExtensionInit
	if state == stateExitError {
		typ = typeExtensionExit
	}
	if !l.initDone {
		l.failInit(document(typ, "RequestId:  Error: extension "+e.Name+" reported "+posted))
	}
	a.mu.Unlock()
	a.logf("%s: extension %s reported %s", typ, e.Name, posted)
	c.answer(202, acceptedBody)
}

// lockExtension finds the extension that the request names and leaves api.mu
// locked; or it answers with the refusal and returns nil.
func (c *conn) lockExtension(req *request) *extension {
	id := req.fields[fieldExtensionID]
	if id == "" {
		c.answerError(403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
		return nil
	}
	if !isUUID(id) {
		c.answerError(403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
		return nil
	}
	c.api.mu.Lock()
	if c.life.over {
		c.api.mu.Unlock()
		c.hangUp = true
		return nil
	}
	for _, e := range c.life.extensions {
		if strings.EqualFold(e.id, id) {
			return e
		}
	}
	c.api.mu.Unlock()
	c.answerError(403, "Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	return nil
}

func (c *conn) refuseExtension(from, to, id string) {
	message := fmt.Sprintf("State transition from %s to %s failed for extension %s. Error: State transition is not allowed", from, to, id)
	c.api.logf("%s", message)
	c.answerError(403, "Extension.InvalidExtensionState", message)
}
