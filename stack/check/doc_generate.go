package check

//go:generate go test -run TestDocumentation -update .
