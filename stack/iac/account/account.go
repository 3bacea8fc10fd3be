// Package account reads a live account into a stack.Stack: the snapshot that
// package stack/snapshot writes, or a folder of what the AWS CLI prints.
//
//	thaw snapshot > account.json         aws ec2 describe-vpcs > vpcs.json …
//	            └───────────┬───────────────────────┘
//	  items of each call, each with its line in the file
//	                        │
//	                 *stack.Stack (dialect Live)
//
// It imports no AWS SDK and opens no connection. What was not read, because a
// call was denied or a file is missing, is a Gap and an unknown value, never an
// assumption: an account without a list of network ACLs has unknown ones, not
// none.
//
// A live account differs from a template in what it can say. It has the default
// security groups, network ACLs and main route tables that AWS makes; it does
// not have the code of functions, schedules, or the values of most environment
// variables, which Thaw leaves out because they may be secrets.
package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Format is the format of a snapshot. Another number after the slash is another
// format, which an older Thaw does not read.
const Format = "thaw.account/1"

// Bounds of the input. An account of 50,000 security group rules has about
// 20 MB.
const (
	maxFile  = 512 << 20 // bytes
	maxFiles = 10_000    // of a folder
)

// Recognize reports whether data is a snapshot, or JSON that an AWS CLI call
// printed that Read understands. It looks at the beginning only.
func Recognize(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return false
		}
		name, _ := key.(string)
		if sectionByKey(name) != nil || objectByKey(name) != nil {
			return true
		}
		v, err := dec.Token()
		if err != nil {
			return false
		}
		switch value := v.(type) {
		case json.Delim: // what follows may be too long to look through
			call, _ := dec.Token()
			s, _ := call.(string)
			return name == "calls" && value == '{' && sectionByCall(s) != nil
		case string:
			if name == "format" {
				return strings.HasPrefix(value, "thaw.account/")
			}
		}
	}
	return false
}

// Read reads a snapshot, or one file that the AWS CLI printed. name is the file
// name that origins and errors show.
func Read(name string, data []byte) (*stack.Stack, error) {
	in := newInventory()
	if err := in.read(name, data); err != nil {
		return nil, err
	}
	if len(in.seen) == 0 && !in.snapshot {
		return nil, fmt.Errorf("account: %s holds nothing that an AWS describe call prints; make it with thaw snapshot, or with aws ec2 describe-vpcs and the like", name)
	}
	return build(in, stackName(name)), nil
}

// ReadFolder reads the files of a folder that end in .json, in any names: what
// aws ec2 describe-vpcs, describe-subnets, …, aws lambda list-functions, aws
// elasticache describe-cache-clusters, … and aws iam get-account-authorization-
// details printed. Files that hold something else are passed over, and named as
// Gaps.
func ReadFolder(path string) (*stack.Stack, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("account: cannot read the folder: %w", err)
	}
	in := newInventory()
	files := 0
	for _, e := range entries {
		if e.IsDir() || !strings.EqualFold(filepath.Ext(e.Name()), ".json") {
			continue
		}
		if files++; files > maxFiles {
			return nil, fmt.Errorf("account: %s holds more than %d files; give a folder of one region", path, maxFiles)
		}
		file := filepath.Join(path, e.Name())
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		if err := in.read(file, data); errors.Is(err, errForeign) {
			in.foreign = append(in.foreign, file)
		} else if err != nil {
			return nil, err
		}
	}
	if len(in.seen) == 0 && !in.snapshot {
		return nil, fmt.Errorf("account: %s holds no file that an AWS describe call printed (found %d .json files); write them with aws ec2 describe-vpcs > vpcs.json and the like, or run thaw snapshot", path, files)
	}
	return build(in, stackName(path)), nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("account: cannot read the file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("account: cannot read %s: %w", path, err)
	}
	return data, nil
}

func stackName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// inventory is what the files hold, call by call.
type inventory struct {
	snapshot bool            // a snapshot was read, not only files of the CLI
	seen     map[string]bool // sections that were there, though perhaps empty
	whole    map[string]bool // lists of which the last page was there
	region   string
	account  string
	scope    []string // the VPCs that the snapshot was limited to; nil: all
	gaps     []callGap
	foreign  []string // files of a folder that are something else

	vpcs          []at[vpc]
	attributes    []at[vpcAttribute]
	subnets       []at[subnet]
	groups        []at[securityGroup]
	acls          []at[networkACL]
	tables        []at[routeTable]
	nats          []at[natGateway]
	internets     []at[internetGateway]
	egressOnly    []at[egressOnlyGateway]
	endpoints     []at[endpoint]
	peerings      []at[peering]
	managedLists  []at[managedPrefixList]
	listEntries   []at[prefixListEntries]
	interfaces    []at[networkInterface]
	functions     []at[function]
	reserved      []at[functionConcurrency]
	provisioned   []at[provisionedConfigs]
	settings      []at[accountSettings]
	clusters      []at[cacheCluster]
	replication   []at[replicationGroup]
	serverless    []at[serverlessCache]
	subnetGroups  []at[cacheSubnetGroup]
	attached      []at[attachedPolicies]
	inline        []at[inlineNames]
	documents     []at[rolePolicy]
	versions      []at[policyVersion]
	roleDetails   []at[roleDetail]
	policyDetails []at[policyDetail]
	userGroups    []at[userGroup]
}

// at is an item with its place in the file.
type at[T any] struct {
	v      T
	origin stack.Origin // without Address
}

// callGap is a call that gave nothing, or not all.
type callGap struct {
	Call      string   `json:"call"`
	Error     string   `json:"error"`
	Unknown   string   `json:"unknown"`
	Resources []string `json:"resources"`
}

func newInventory() *inventory { return &inventory{seen: map[string]bool{}, whole: map[string]bool{}} }

// covers reports whether a call of one resource was read for it: a section may
// be there and the one answer missing.
func (g callGap) covers(call, resource string) bool {
	return g.Call == call && (len(g.Resources) == 0 || slices.Contains(g.Resources, resource))
}
