package lambdaapi

import "net/http"

// qualified finds the function and checks that provisioned concurrency is asked
// for on a version or an alias.
func (s *Server) qualified(r *http.Request) (target, error) {
	t, err := s.find(r)
	switch {
	case err != nil:
		return t, err
	case t.qualifier == "":
		return t, missing("qualifier")
	case t.qualifier == latest:
		return t, Invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	return t, nil
}

func (s *Server) putProvisioned(w http.ResponseWriter, r *http.Request) error {
	t, err := s.qualified(r)
	if err != nil {
		return err
	}
	var in struct{ ProvisionedConcurrentExecutions *int }
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	n := in.ProvisionedConcurrentExecutions
	switch {
	case n == nil:
		return missing("provisionedConcurrentExecutions")
	case *n < 1:
		return tooFar("provisionedConcurrentExecutions", "greater", 1)
	}
	if err := s.backend.SetProvisioned(t.Name, t.qualifier, *n); err != nil {
		return err
	}
	p, err := s.backend.Provisioned(t.Name)
	if err == nil {
		writeJSON(w, http.StatusAccepted, provisionedDocument(p))
	}
	return err
}

func (s *Server) getProvisioned(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("List") == "ALL" {
		return s.listProvisioned(w, r)
	}
	t, err := s.qualified(r)
	if err != nil {
		return err
	}
	p, err := s.provisionedOf(t)
	if err == nil {
		writeJSON(w, http.StatusOK, provisionedDocument(p))
	}
	return err
}

func (s *Server) deleteProvisioned(w http.ResponseWriter, r *http.Request) error {
	t, err := s.qualified(r)
	if err == nil {
		_, err = s.provisionedOf(t)
	}
	if err == nil {
		err = s.backend.SetProvisioned(t.Name, t.qualifier, 0)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// listProvisioned lists the configurations of a function: none or one.
func (s *Server) listProvisioned(w http.ResponseWriter, r *http.Request) error {
	t, err := s.whole(r)
	if err != nil {
		return err
	}
	p, err := s.backend.Provisioned(t.Name)
	if err != nil {
		return err
	}
	all := []map[string]any{}
	if p.Requested > 0 {
		d := provisionedDocument(p)
		d["FunctionArn"] = t.ARN + ":" + p.Qualifier
		all = append(all, d)
	}
	writeJSON(w, http.StatusOK, map[string]any{"ProvisionedConcurrencyConfigs": all})
	return nil
}

// provisionedOf returns the configuration of the target's qualifier.
func (s *Server) provisionedOf(t target) (Provisioned, error) {
	p, err := s.backend.Provisioned(t.Name)
	if err == nil && (p.Requested == 0 || p.Qualifier != t.qualifier) {
		err = errorf(http.StatusNotFound, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
	}
	return p, err
}

func provisionedDocument(p Provisioned) map[string]any {
	d := map[string]any{
		"RequestedProvisionedConcurrentExecutions": p.Requested,
		"AllocatedProvisionedConcurrentExecutions": p.Ready,
		"AvailableProvisionedConcurrentExecutions": p.Ready,
		"Status": "READY", "LastModified": p.Modified.UTC().Format("2006-01-02T15:04:05-0700"),
	}
	switch {
	case p.Failed != "":
		d["Status"], d["StatusReason"] = "FAILED", p.Failed
	case p.Ready < p.Requested:
		d["Status"] = "IN_PROGRESS"
	}
	return d
}
