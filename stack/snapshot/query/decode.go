package query

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// maxDepth bounds how deep the elements of an answer may nest. A rule of a
// security group is the deepest, with 9.
const maxDepth = 32

// maxElements bounds the elements of an answer, because an empty one takes a
// hundred times its bytes once it is read. 1,000 security groups with 60 rules
// each have about 600,000.
const maxElements = 4_000_000

var (
	errDepth    = errors.New("its elements nest too deep")
	errElements = fmt.Errorf("it has more than %d elements", maxElements)
)

// newDecoder reads XML of bounded depth and size: encoding/xml bounds the depth
// only of what it stores, and not of what it skips.
func newDecoder(data []byte) *xml.Decoder {
	return xml.NewTokenDecoder(&bounded{d: xml.NewDecoder(bytes.NewReader(data))})
}

type bounded struct {
	d               *xml.Decoder
	depth, elements int
}

// Token returns raw tokens; the decoder on top matches ends with beginnings.
func (b *bounded) Token() (xml.Token, error) {
	t, err := b.d.RawToken()
	switch t.(type) {
	case xml.StartElement:
		if b.depth++; b.depth > maxDepth {
			return nil, errDepth
		}
		if b.elements++; b.elements > maxElements {
			return nil, errElements
		}
	case xml.EndElement:
		b.depth--
	}
	return t, err
}

// Set is a list on the wire: <vpcSet><item>…</item><item>…</item></vpcSet>. The
// items have various names and nothing stands between them. A Set is nil if AWS
// did not send the list, and not nil if it sent an empty one.
type Set[T any] []T

// UnmarshalXML adds the items of an element.
func (s *Set[T]) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	if *s == nil {
		*s = Set[T]{}
	}
	return children(d, func(item xml.StartElement) error {
		var v T
		if err := d.DecodeElement(&v, &item); err != nil {
			return err
		}
		*s = append(*s, v)
		return nil
	})
}

// children gives each child of the element that d has just begun, which must be
// read to its end, and reads the end of the element.
func children(d *xml.Decoder, each func(xml.StartElement) error) error {
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := each(t); err != nil {
				return err
			}
		}
	}
}

// result gives each element of the result of an answer.
func (s service) result(action string, data []byte, each func(*xml.Decoder, xml.StartElement) error) error {
	d := newDecoder(data)
	err := root(d, action)
	switch {
	case err == nil && s.wrapped:
		err = children(d, func(e xml.StartElement) error {
			if e.Name.Local != action+"Result" {
				return d.Skip() // the number of the request
			}
			return children(d, func(e xml.StartElement) error { return each(d, e) })
		})
	case err == nil:
		err = children(d, func(e xml.StartElement) error { return each(d, e) })
	}
	if err != nil {
		return fmt.Errorf("query: %s: the answer is not what AWS sends: %w", action, err)
	}
	return nil
}

// root finds the element that an answer consists of.
func root(d *xml.Decoder, action string) error {
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok: // the declaration, a comment
		case start.Name.Local != action+"Response":
			return fmt.Errorf("it begins with another element than %sResponse", action)
		default:
			return nil
		}
	}
}

// decodePage reads a page of a list: its items, and the token of the next page,
// which is "" after the last.
func decodePage[T any](s service, l listing, data []byte) (items Set[T], next string, err error) {
	err = s.result(l.action, data, func(d *xml.Decoder, e xml.StartElement) error {
		switch {
		case e.Name.Local == l.element:
			return d.DecodeElement(&items, &e)
		case strings.EqualFold(e.Name.Local, l.token): // EC2 begins it with a small letter
			return d.DecodeElement(&next, &e)
		}
		return d.Skip()
	})
	return items, next, err
}
