"""The email service: sends mail by SMTP or through Resend."""
