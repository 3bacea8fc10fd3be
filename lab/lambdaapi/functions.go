package lambdaapi

import (
	"net/http"
	"strconv"
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
	VpcConfig        vpcConfig
	Environment      *environment `json:",omitempty"`
	TracingConfig    map[string]string
	RevisionId       string
	State            string
	PackageType      string
	Architectures    []string
	EphemeralStorage map[string]int
	SnapStart        map[string]string
	LoggingConfig    map[string]string
	LastUpdateStatus string
}

type vpcConfig struct {
	SubnetIds               []string
	SecurityGroupIds        []string
	VpcId                   string
	Ipv6AllowedForDualStack bool
}

type environment struct{ Variables map[string]string }

// stamped is AWS's form of LastModified.
const stamped = "2006-01-02T15:04:05.000-0700"

// describe answers for a function, or for the version or alias in its target.
// What the lab does not have, such as a role, is filled with what SDKs parse.
func describe(t target) document {
	c := t.Configuration
	d := document{
		FunctionName: c.Name, FunctionArn: c.ARN, Runtime: c.Runtime, Handler: c.Handler,
		Role:    "arn:aws:iam::123456789012:role/thaw-lab",
		Timeout: c.TimeoutS, MemorySize: c.MemoryMB, Version: t.version(), RevisionId: c.Revision,
		LastModified: c.Modified.UTC().Format(stamped),
		State:        "Active", LastUpdateStatus: "Successful", PackageType: "Zip",
		Architectures:    []string{c.Architecture},
		TracingConfig:    map[string]string{"Mode": "PassThrough"},
		EphemeralStorage: map[string]int{"Size": 512},
		SnapStart:        map[string]string{"ApplyOn": "None", "OptimizationStatus": "Off"},
		LoggingConfig:    map[string]string{"LogFormat": "Text", "LogGroup": "/aws/lambda/" + c.Name},
		VpcConfig:        vpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}},
	}
	if t.qualifier != "" {
		d.FunctionArn += ":" + t.qualifier
	}
	if c.Updating {
		d.LastUpdateStatus = "InProgress"
	}
	if len(c.Environment) > 0 {
		d.Environment = &environment{c.Environment}
	}
	if len(c.SubnetIDs) > 0 {
		d.VpcConfig = vpcConfig{SubnetIds: c.SubnetIDs, SecurityGroupIds: c.SecurityGroupIDs, VpcId: "vpc-thawlab"}
	}
	return d
}

func (s *Server) getFunction(w http.ResponseWriter, r *http.Request) error {
	t, err := s.find(r)
	if err != nil {
		return err
	}
	answer := map[string]any{
		"Configuration": describe(t),
		"Code":          map[string]string{"RepositoryType": "local", "Location": ""},
		"Tags":          map[string]string{},
	}
	if t.Reserved != nil {
		answer["Concurrency"] = map[string]int{"ReservedConcurrentExecutions": *t.Reserved}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) getConfiguration(w http.ResponseWriter, r *http.Request) error {
	t, err := s.find(r)
	if err == nil {
		writeJSON(w, http.StatusOK, describe(t))
	}
	return err
}

const (
	maxPage  = 50     // functions in an answer of ListFunctions, whatever is asked for
	maxItems = 10_000 // that may be asked for
)

// listFunctions pages by position: the marker is the index of the next one.
func (s *Server) listFunctions(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	all := s.backend.Functions()
	from, size := 0, maxPage
	var err error
	if m := query.Get("Marker"); m != "" {
		if from, err = strconv.Atoi(m); err != nil || from < 0 || from > len(all) {
			return Invalid("Marker '%s' is not one that ListFunctions gave", clip(m))
		}
	}
	if m := query.Get("MaxItems"); m != "" {
		if size, err = strconv.Atoi(m); err != nil || size < 1 || size > maxItems {
			return validation("Value '%s' at 'maxItems' failed to satisfy constraint: Member must have value from 1 to %d", clip(m), maxItems)
		}
	}
	answer := struct {
		Functions  []document
		NextMarker string `json:",omitempty"`
	}{Functions: []document{}}
	end := min(len(all), from+min(size, maxPage))
	for _, c := range all[from:end] {
		answer.Functions = append(answer.Functions, describe(target{Configuration: c}))
	}
	if end < len(all) {
		answer.NextMarker = strconv.Itoa(end)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}
