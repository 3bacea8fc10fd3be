package check

// declarations lists the rules about how infrastructure is written down.
func declarations() []*Rule {
	return []*Rule{inlineCycle(), sharedGroup(), roleDeletedFirst(), readerPortClosed(), missingPorts()}
}
