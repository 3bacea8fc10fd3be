package snapshot

import (
	"bytes"
	"fmt"
	"regexp"
)

// Where account ids stand in the output of AWS: in ARNs, in fields of owners,
// in the URLs of queues, and in the heading of the document.
var accountIDs = regexp.MustCompile(`(?:arn:[a-z0-9-]*:[a-z0-9-]*:[a-z0-9-]*:|"(?:OwnerId|UserId|RequesterId|InstanceOwnerId|IpOwnerId|account|AWSAccountId|OwnerAccount|NetworkInterfaceOwnerId)": "|amazonaws\.com(?:\.cn)?/)([0-9]{12})`)

// redactIDs replaces account ids, wherever they stand, by numbers of the same
// length: own becomes 0, the others follow in the order of the document.
func redactIDs(data []byte, own string) []byte {
	numbers := map[string]int{own: 0}
	for _, m := range accountIDs.FindAllSubmatch(data, -1) {
		if _, ok := numbers[string(m[1])]; !ok {
			numbers[string(m[1])] = len(numbers)
		}
	}
	for id, n := range numbers {
		if id != "" {
			data = bytes.ReplaceAll(data, []byte(id), fmt.Appendf(nil, "%012d", n))
		}
	}
	return data
}
