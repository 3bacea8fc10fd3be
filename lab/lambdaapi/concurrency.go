package lambdaapi

import (
	"net/http"
	"time"
)

func (s *Server) putConcurrency(w http.ResponseWriter, r *http.Request) error {
	config, err := s.function(r)
	if err != nil {
		return err
	}
	var in struct{ ReservedConcurrentExecutions *int }
	if err := readBody(r, &in); err != nil {
		return err
	}
	n := in.ReservedConcurrentExecutions
	if n == nil || *n < 0 {
		return Invalid("ReservedConcurrentExecutions must be a number from 0")
	}
	if err := s.backend.SetReserved(config.Name, n); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]int{"ReservedConcurrentExecutions": *n})
	return nil
}

func (s *Server) getConcurrency(w http.ResponseWriter, r *http.Request) error {
	config, err := s.function(r)
	if err != nil {
		return err
	}
	answer := map[string]int{}
	if config.Reserved != nil {
		answer["ReservedConcurrentExecutions"] = *config.Reserved
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) deleteConcurrency(w http.ResponseWriter, r *http.Request) error {
	config, err := s.function(r)
	if err == nil {
		err = s.backend.SetReserved(config.Name, nil)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// qualified finds the function and checks that provisioned concurrency is asked
// for on a version or an alias. The lab runs one version of the code: any
// qualifier but $LATEST names it.
func (s *Server) qualified(r *http.Request) (Configuration, error) {
	config, err := s.function(r)
	if err != nil {
		return config, err
	}
	_, qualifier := splitName(r.PathValue("name"))
	if q := r.URL.Query().Get("Qualifier"); q != "" {
		qualifier = q
	}
	switch qualifier {
	case "":
		return config, errorf(http.StatusBadRequest, "ValidationException",
			"1 validation error detected: Value null at 'qualifier' failed to satisfy constraint: Member must not be null")
	case "$LATEST":
		return config, Invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	return config, nil
}

func (s *Server) putProvisioned(w http.ResponseWriter, r *http.Request) error {
	config, err := s.qualified(r)
	if err != nil {
		return err
	}
	var in struct{ ProvisionedConcurrentExecutions *int }
	if err := readBody(r, &in); err != nil {
		return err
	}
	n := in.ProvisionedConcurrentExecutions
	if n == nil || *n < 1 {
		return Invalid("ProvisionedConcurrentExecutions must be a number from 1")
	}
	if err := s.backend.SetProvisioned(config.Name, *n); err != nil {
		return err
	}
	return s.writeProvisioned(w, http.StatusAccepted, config.Name)
}

func (s *Server) getProvisioned(w http.ResponseWriter, r *http.Request) error {
	config, err := s.qualified(r)
	if err != nil {
		return err
	}
	return s.writeProvisioned(w, http.StatusOK, config.Name)
}

func (s *Server) deleteProvisioned(w http.ResponseWriter, r *http.Request) error {
	config, err := s.qualified(r)
	if err == nil {
		err = s.backend.SetProvisioned(config.Name, 0)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (s *Server) writeProvisioned(w http.ResponseWriter, status int, name string) error {
	requested, ready, err := s.backend.Provisioned(name)
	if err != nil {
		return err
	}
	if requested == 0 {
		return errorf(http.StatusNotFound, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
	}
	state := "READY"
	if ready < requested {
		state = "IN_PROGRESS"
	}
	writeJSON(w, status, map[string]any{
		"RequestedProvisionedConcurrentExecutions": requested,
		"AllocatedProvisionedConcurrentExecutions": ready,
		"AvailableProvisionedConcurrentExecutions": ready,
		"Status": state, "LastModified": stamp(time.Now()),
	})
	return nil
}
