package collector

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Message is a mail as it is shown.
type Message struct {
	ID        string `json:"id"`         // given by the mailbox
	MessageID string `json:"message_id"` // given by the sender
	From      string `json:"from"`
	To        string `json:"to"`
	Subject   string `json:"subject"`
	At        string `json:"at"` // of arrival, RFC 3339 UTC
	Text      string `json:"text"`
	HTML      string `json:"html"`
}

// Bounds of what is read out of one mail.
const (
	maxMessageBytes = 4 << 20
	maxPartDepth    = 5
	maxParts        = 50
)

var errTooManyParts = errors.New("too many parts")

// Parse reads a mail's headers and its first text and HTML part. Attachments are left out.
func Parse(raw []byte) (Message, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, fmt.Errorf("read the mail: %w", err)
	}
	words := mime.WordDecoder{}
	header := func(name string) string {
		v := m.Header.Get(name)
		if decoded, err := words.DecodeHeader(v); err == nil {
			v = decoded
		}
		return strings.ToValidUTF8(v, "�")
	}
	msg := Message{
		MessageID: strings.Trim(m.Header.Get("Message-Id"), "<> "),
		From:      header("From"), To: header("To"), Subject: header("Subject"),
	}
	parts := 0
	err = msg.take(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, 0, &parts)
	return msg, err
}

func (m *Message) take(contentType, encoding string, body io.Reader, depth int, parts *int) error {
	if *parts++; *parts > maxParts || depth > maxPartDepth {
		return errTooManyParts
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read a part: %w", err)
			}
			if err := m.take(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1, parts); err != nil {
				return err
			}
		}
	}
	into := &m.Text
	switch kind {
	case "text/plain":
	case "text/html":
		into = &m.HTML
	default:
		return nil
	}
	if *into != "" {
		return nil
	}
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(io.LimitReader(body, maxMessageBytes))
	if err != nil {
		return fmt.Errorf("decode a part: %w", err)
	}
	*into = strings.ToValidUTF8(string(b), "�")
	return nil
}

func arrival(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
