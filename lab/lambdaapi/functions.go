package lambdaapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Ranges of the Lambda API (Lambda quotas page, 2026).
const (
	minMemoryMB, maxMemoryMB = 128, 10240
	minTimeoutS, maxTimeoutS = 1, 900
	maxSubnets               = 16
	maxSecurityGroups        = 5
	maxBody                  = 64 << 10 // of a configuration request, bytes
	defaultPage              = 50
)

// document is a FunctionConfiguration of the API.
type document struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string `json:",omitempty"`
	Role             string
	Handler          string
	CodeSize         int64
	Description      string
	Timeout          int
	MemorySize       int
	LastModified     string
	CodeSha256       string
	Version          string
	VpcConfig        *vpcConfig   `json:",omitempty"`
	Environment      *environment `json:",omitempty"`
	TracingConfig    tracing
	RevisionId       string
	State            string
	LastUpdateStatus string
	PackageType      string
	Architectures    []string
	EphemeralStorage storage
}

type vpcConfig struct {
	SubnetIds        []string
	SecurityGroupIds []string
	VpcId            string
}

type environment struct{ Variables map[string]string }
type tracing struct{ Mode string }
type storage struct{ Size int }

func describe(c Configuration) document {
	d := document{
		FunctionName: c.Name, FunctionArn: c.ARN, Runtime: c.Runtime, Handler: c.Handler,
		Role:    "arn:aws:iam::123456789012:role/thaw-lab",
		Timeout: c.TimeoutS, MemorySize: c.MemoryMB, Version: "$LATEST", RevisionId: c.Revision,
		LastModified: c.Modified.UTC().Format("2006-01-02T15:04:05.000-0700"),
		State:        "Active", LastUpdateStatus: "Successful", PackageType: "Zip",
		Architectures: []string{c.Architecture}, TracingConfig: tracing{"PassThrough"}, EphemeralStorage: storage{512},
	}
	if c.Updating {
		d.LastUpdateStatus = "InProgress"
	}
	if len(c.Environment) > 0 {
		d.Environment = &environment{c.Environment}
	}
	if len(c.SubnetIDs) > 0 {
		d.VpcConfig = &vpcConfig{SubnetIds: c.SubnetIDs, SecurityGroupIds: c.SecurityGroupIDs, VpcId: "vpc-thawlab"}
	}
	return d
}

func (s *Server) function(r *http.Request) (Configuration, error) {
	name, _ := splitName(r.PathValue("name"))
	return s.backend.Function(name)
}

func (s *Server) getFunction(w http.ResponseWriter, r *http.Request) error {
	config, err := s.function(r)
	if err != nil {
		return err
	}
	answer := map[string]any{
		"Configuration": describe(config),
		"Code":          map[string]string{"RepositoryType": "local", "Location": ""},
		"Tags":          map[string]string{},
	}
	if config.Reserved != nil {
		answer["Concurrency"] = map[string]int{"ReservedConcurrentExecutions": *config.Reserved}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) getConfiguration(w http.ResponseWriter, r *http.Request) error {
	config, err := s.function(r)
	if err == nil {
		writeJSON(w, http.StatusOK, describe(config))
	}
	return err
}

// listFunctions pages by position: the marker is the index of the next one.
func (s *Server) listFunctions(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	from, size := 0, defaultPage
	var err error
	if m := query.Get("Marker"); m != "" {
		if from, err = strconv.Atoi(m); err != nil || from < 0 {
			return Invalid("Marker %q is not one that ListFunctions gave", m)
		}
	}
	if m := query.Get("MaxItems"); m != "" {
		if size, err = strconv.Atoi(m); err != nil || size < 1 || size > 10000 {
			return Invalid("MaxItems must be from 1 to 10000")
		}
	}
	all := s.backend.Functions()
	answer := struct {
		Functions  []document
		NextMarker string `json:",omitempty"`
	}{Functions: []document{}}
	end := min(len(all), from+size)
	for _, c := range all[min(from, end):end] {
		answer.Functions = append(answer.Functions, describe(c))
	}
	if end < len(all) {
		answer.NextMarker = strconv.Itoa(end)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// updateConfiguration serves UpdateFunctionConfiguration for the settings that
// change how the lab runs a function; others are accepted and have no effect.
func (s *Server) updateConfiguration(w http.ResponseWriter, r *http.Request) error {
	config, err := s.function(r)
	if err != nil {
		return err
	}
	var in struct {
		MemorySize, Timeout *int
		Handler             *string
		Environment         *environment
		VpcConfig           *vpcConfig
		RevisionId          string
	}
	if err := readBody(r, &in); err != nil {
		return err
	}
	u := Update{MemoryMB: in.MemorySize, TimeoutS: in.Timeout, Handler: in.Handler, Revision: in.RevisionId}
	if in.Environment != nil {
		u.Environment = map[string]string{}
		for name, value := range in.Environment.Variables {
			u.Environment[name] = value
		}
	}
	if in.VpcConfig != nil {
		u.SubnetIDs = append([]string{}, in.VpcConfig.SubnetIds...)
		u.SecurityGroupIDs = append([]string{}, in.VpcConfig.SecurityGroupIds...)
	}
	if err := u.check(); err != nil {
		return err
	}
	if u.Revision != "" && u.Revision != config.Revision {
		return errorf(http.StatusPreconditionFailed, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	}
	changed, err := s.backend.Update(config.Name, u)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, describe(changed))
	return nil
}

func (u Update) check() error {
	switch {
	case u.MemoryMB != nil && (*u.MemoryMB < minMemoryMB || *u.MemoryMB > maxMemoryMB):
		return Invalid("'MemorySize' value failed to satisfy constraint: Member must have value from %d to %d", minMemoryMB, maxMemoryMB)
	case u.TimeoutS != nil && (*u.TimeoutS < minTimeoutS || *u.TimeoutS > maxTimeoutS):
		return Invalid("'Timeout' value failed to satisfy constraint: Member must have value from %d to %d", minTimeoutS, maxTimeoutS)
	case len(u.SubnetIDs) > maxSubnets:
		return Invalid("a function can have at most %d subnets", maxSubnets)
	case len(u.SecurityGroupIDs) > maxSecurityGroups:
		return Invalid("a function can have at most %d security groups", maxSecurityGroups)
	case (len(u.SubnetIDs) == 0) != (len(u.SecurityGroupIDs) == 0):
		return Invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
	}
	return nil
}

// readBody decodes a bounded JSON document.
func readBody(r *http.Request, into any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err == nil && len(data) > maxBody {
		err = errors.New("the request is too large")
	}
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return errorf(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: %v", err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-0700") }
