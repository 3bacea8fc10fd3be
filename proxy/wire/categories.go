package wire

// Categories are the ACL categories of a command, as "@read".
type Categories uint32

const (
	catKeyspace Categories = 1 << iota
	catRead
	catWrite
	catSet
	catSortedset
	catList
	catHash
	catString
	catBitmap
	catHyperloglog
	catGeo
	catStream
	catPubsub
	catAdmin
	catFast
	catSlow
	catBlocking
	catDangerous
	catConnection
	catTransaction
	catScripting
)

// categoryNames are in the order of the constants.
var categoryNames = [...]string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string",
	"bitmap", "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow",
	"blocking", "dangerous", "connection", "transaction", "scripting",
}

// Category returns the category of a name without "@", in lower case; 0 if there is
// none of this name.
func Category(name string) Categories {
	for i, n := range categoryNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// Names returns the names of the categories without "@".
func (c Categories) Names() []string {
	var names []string
	for i, n := range categoryNames {
		if c&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// implied are the categories that follow from flags, by the server's rules.
func implied(f Flags, c Categories) Categories {
	if f.Has(Write) {
		c |= catWrite
	}
	if f.Has(ReadOnly) && c&catScripting == 0 {
		c |= catRead
	}
	if f.Has(Admin) {
		c |= catAdmin | catDangerous
	}
	if f.Has(PubSub) {
		c |= catPubsub
	}
	if f.Has(Blocking) {
		c |= catBlocking
	}
	if f.Has(Fast) {
		return c | catFast
	}
	return c | catSlow
}
