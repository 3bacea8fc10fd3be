package lambdaapi

import "net/http"

func (s *Server) putConcurrency(w http.ResponseWriter, r *http.Request) error {
	t, err := s.whole(r)
	if err != nil {
		return err
	}
	var in struct{ ReservedConcurrentExecutions *int }
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	n := in.ReservedConcurrentExecutions
	switch {
	case n == nil:
		return missing("reservedConcurrentExecutions")
	case *n < 0:
		return tooFar("reservedConcurrentExecutions", "greater", 0)
	}
	if err := s.backend.SetReserved(t.Name, n); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]int{"ReservedConcurrentExecutions": *n})
	return nil
}

func (s *Server) getConcurrency(w http.ResponseWriter, r *http.Request) error {
	t, err := s.whole(r)
	if err != nil {
		return err
	}
	answer := map[string]int{}
	if t.Reserved != nil {
		answer["ReservedConcurrentExecutions"] = *t.Reserved
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) deleteConcurrency(w http.ResponseWriter, r *http.Request) error {
	t, err := s.whole(r)
	if err == nil {
		err = s.backend.SetReserved(t.Name, nil)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// Quotas on code (Lambda quotas page, 2026), which the lab does not enforce.
const (
	totalCodeSize    = 75 << 30  // bytes
	codeSizeUnzipped = 250 << 20 // bytes
	codeSizeZipped   = 50 << 20  // bytes
)

func (s *Server) accountSettings(w http.ResponseWriter, _ *http.Request) error {
	account := s.backend.Account()
	writeJSON(w, http.StatusOK, map[string]map[string]int64{
		"AccountLimit": {
			"TotalCodeSize": totalCodeSize, "CodeSizeUnzipped": codeSizeUnzipped, "CodeSizeZipped": codeSizeZipped,
			"ConcurrentExecutions": int64(account.Concurrent), "UnreservedConcurrentExecutions": int64(account.Unreserved),
		},
		"AccountUsage": {"TotalCodeSize": 0, "FunctionCount": int64(len(s.backend.Functions()))},
	})
	return nil
}
