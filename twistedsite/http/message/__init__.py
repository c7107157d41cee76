"""The grammar of messages: heads, framing, forms, responses. No connection and no Twisted protocol here."""
