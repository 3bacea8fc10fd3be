// Command raw is a handler that echoes with as little as the Runtime API needs:
// one connection, one buffer, no HTTP library. Against it the lab's own cost
// shows; against echo, what a Go handler adds.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/textproto"
	"os"
	"strconv"
)

func main() {
	address := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	nc, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	in := textproto.NewReader(bufio.NewReaderSize(nc, 64<<10))
	next := "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: " + address + "\r\n\r\n"
	for {
		if _, err := io.WriteString(nc, next); err != nil {
			log.Fatal(err)
		}
		header, event := answer(in)
		_, err := fmt.Fprintf(nc, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s",
			header.Get("Lambda-Runtime-Aws-Request-Id"), address, len(event), event)
		if err != nil {
			log.Fatal(err)
		}
		answer(in)
	}
}

// answer reads one response.
func answer(in *textproto.Reader) (textproto.MIMEHeader, []byte) {
	if _, err := in.ReadLine(); err != nil {
		log.Fatal(err)
	}
	header, err := in.ReadMIMEHeader()
	if err != nil {
		log.Fatal(err)
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil {
		log.Fatal(err)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in.R, body); err != nil {
		log.Fatal(err)
	}
	return header, body
}
