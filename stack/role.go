package stack

// Role is an IAM role that functions run under.
type Role struct {
	Resource
	Name       Value[string]   `json:"name"`
	Managed    []Value[string] `json:"managed,omitempty"` // ARNs of managed policies
	Statements []Statement     `json:"statements,omitempty"`
	// Grants are the IDs of separate resources that give the role permissions: an
	// inline policy or an attachment with a life of its own.
	Grants []string `json:"grants,omitempty"`
	// Given is what each of the Grants gives; it is part of the role's own lists.
	Given map[string]*Role `json:"-"`
	// Complete is unknown if policies are attached that the reader could not see.
	Complete Value[bool] `json:"complete,omitzero"`
}

// Give adds what a resource of its own gives the role.
func (r *Role) Give(id string, given *Role) {
	if r.Given == nil {
		r.Given = map[string]*Role{}
	}
	r.Given[id] = given
	r.Grants = append(r.Grants, id)
	r.Managed = append(r.Managed, given.Managed...)
	r.Statements = append(r.Statements, given.Statements...)
	if !given.Complete.IsKnown() {
		r.Complete = given.Complete
	}
}

// Statement is one statement of a policy. Only what decides whether a service
// is used is kept; conditions make a statement unsure.
type Statement struct {
	Allow       bool            `json:"allow"`
	Actions     []Value[string] `json:"actions,omitempty"` // with wildcards, as written
	NotActions  []Value[string] `json:"not_actions,omitempty"`
	Resources   []Value[string] `json:"resources,omitempty"`
	Conditional bool            `json:"conditional,omitempty"`
	Origin      Origin          `json:"origin"`
}
