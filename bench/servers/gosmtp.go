// go-smtp: `gosmtp PORT USER PASSWORD [--tls CERTIFICATE KEY]`.
package main

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"os"
	"time"

	"github.com/emersion/go-smtp"
)

type backend struct{ user, password string }

func (b *backend) Login(state *smtp.ConnectionState, user, password string) (smtp.Session, error) {
	if user != b.user || password != b.password {
		return nil, errors.New("no such user")
	}
	return &session{}, nil
}

func (b *backend) AnonymousLogin(state *smtp.ConnectionState) (smtp.Session, error) {
	return &session{}, nil
}

type session struct{}

func (s *session) Mail(from string, options smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string) error                             { return nil }
func (s *session) Reset()                                           {}
func (s *session) Logout() error                                    { return nil }

// The whole message is in memory once, and dropped.
func (s *session) Data(reader io.Reader) error {
	_, err := io.ReadAll(reader)
	return err
}

func main() {
	server := smtp.NewServer(&backend{os.Args[2], os.Args[3]})
	server.Addr = "127.0.0.1:" + os.Args[1]
	server.Domain = "mx.test"
	server.MaxRecipients = 100
	server.MaxMessageBytes = 25 * 1024 * 1024
	server.ReadTimeout = 5 * time.Minute
	server.WriteTimeout = time.Minute
	if len(os.Args) > 4 {
		certificate, err := tls.LoadX509KeyPair(os.Args[5], os.Args[6])
		if err != nil {
			log.Fatal(err)
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	} else {
		server.AuthDisabled = true
	}
	log.Fatal(server.ListenAndServe())
}
