// Package stack is the model that every part of Thaw shares: the VPC, the
// functions and the caches of one deployment, as plain data.
//
// A Stack is written by a reader (package stack/iac) and read by the lab, the
// checker and the planner. Each resource says where it was declared, and each
// value that AWS decides only at deployment is marked unknown instead of being
// guessed.
//
// Resources refer to each other by ID: the logical id in CloudFormation, the
// address in Terraform, the AWS id in a live account. A reference to something
// that the stack does not declare, such as a literal "sg-0123", keeps that id
// and is simply not found.
package stack

import (
	"fmt"
	"slices"
)

// Origin says where a resource or a rule was declared.
type Origin struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`    // 1 is the first line; 0 is unknown
	Address string `json:"address,omitempty"` // logical id, with a path for a part of a resource
}

// String returns "file:line (address)", leaving out what is unknown.
func (o Origin) String() string {
	s := o.File
	if o.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, o.Line)
	}
	switch {
	case o.Address == "":
		return s
	case s == "":
		return o.Address
	}
	return s + " (" + o.Address + ")"
}

// Resource is what every resource has: an ID that is unique in its stack, the
// type in the words of its language (AWS::EC2::Subnet) and its origin.
type Resource struct {
	ID     string `json:"id"`
	Type   string `json:"type,omitempty"`
	Origin Origin `json:"origin"`
	// Conditional says why the resource may not exist: it is declared under a
	// condition that only deployment decides. "" means that it certainly exists.
	Conditional string `json:"conditional,omitempty"`
	// Ignored are findings that the author of the resource has decided to live
	// with, written at the resource.
	Ignored []Ignore `json:"ignored,omitempty"`
}

// Ignore is a decision to live with a finding at one resource.
type Ignore struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Origin Origin `json:"origin"`
}

// Stack is everything that was declared together. Slices keep the order of
// declaration.
type Stack struct {
	Name string `json:"name"`
	// Dialect is the language that declared the stack; a fix is written in it.
	Dialect Dialect `json:"dialect,omitempty"`
	Region  string  `json:"region,omitempty"`

	VPCs           []*VPC           `json:"vpcs,omitempty"`
	Subnets        []*Subnet        `json:"subnets,omitempty"`
	SecurityGroups []*SecurityGroup `json:"security_groups,omitempty"`
	NetworkACLs    []*NetworkACL    `json:"network_acls,omitempty"`
	RouteTables    []*RouteTable    `json:"route_tables,omitempty"`
	Endpoints      []*Endpoint      `json:"endpoints,omitempty"`
	Peerings       []*Peering       `json:"peerings,omitempty"`
	Gateways       []*Gateway       `json:"gateways,omitempty"`
	PrefixLists    []*PrefixList    `json:"prefix_lists,omitempty"`
	Interfaces     []*Interface     `json:"interfaces,omitempty"`
	Roles          []*Role          `json:"roles,omitempty"`
	Functions      []*Function      `json:"functions,omitempty"`
	Caches         []*Cache         `json:"caches,omitempty"`
	Database       *Database        `json:"database,omitempty"` // the origin behind the cache, if the template describes one

	// Others are resources that the model does not describe. They are kept so
	// that a reader of the stack can say what it did not look at.
	Others []Resource `json:"others,omitempty"`

	// Gaps are what the reader could not see: a denied call, a module without
	// source, a file that needs a provider. Answers that depend on one are
	// unknown.
	Gaps []Gap `json:"gaps,omitempty"`

	// Account holds the limits of a live account.
	Account Account `json:"account,omitzero"`
}

// Dialect is the language that a stack was read from.
type Dialect string

// The dialects.
const (
	CloudFormation Dialect = "cloudformation" // and SAM
	Terraform      Dialect = "terraform"      // a plan, a state, or HCL
	Live           Dialect = "account"        // a snapshot of a live account
)

// Gap is something that the reader of a stack could not see.
type Gap struct {
	What   string `json:"what"`           // "security groups", "module.shared"
	Why    string `json:"why"`            // "ec2:DescribeSecurityGroups was denied"
	Kind   string `json:"kind,omitempty"` // the part of the stack that is incomplete, named as its JSON field
	Origin Origin `json:"origin,omitzero"`
}

// Account holds limits of a live account in the region.
type Account struct {
	ID          string     `json:"id,omitempty"`
	Concurrency Value[int] `json:"concurrency,omitzero"` // concurrent executions; 0: not read, AWS default 1,000
}

// Function returns the function with that ID, or else with that name, or nil.
func (s *Stack) Function(id string) *Function {
	for _, f := range s.Functions {
		if f.ID == id {
			return f
		}
	}
	for _, f := range s.Functions {
		if name, ok := f.Name.Get(); ok && name == id {
			return f
		}
	}
	return nil
}

// Cache returns the cache with that ID, or nil.
func (s *Stack) Cache(id string) *Cache { return find(s.Caches, id) }

// Subnet returns the subnet with that ID, or nil.
func (s *Stack) Subnet(id string) *Subnet { return find(s.Subnets, id) }

// SecurityGroup returns the security group with that ID, or nil.
func (s *Stack) SecurityGroup(id string) *SecurityGroup { return find(s.SecurityGroups, id) }

// CachesOf lists the caches that the environment of f mentions, in the order of
// the stack.
func (s *Stack) CachesOf(f *Function) []*Cache {
	var used []*Cache
	for _, c := range s.Caches {
		for _, text := range f.Environment {
			if slices.Contains(text.References(), c.ID) {
				used = append(used, c)
				break
			}
		}
	}
	return used
}

// find returns the resource with that ID. The pointer constraint lets one
// function serve every slice of the stack.
func find[T interface{ id() string }](all []T, id string) (found T) {
	for _, r := range all {
		if r.id() == id {
			return r
		}
	}
	return found
}

func (r *Resource) id() string { return r.ID }
