const crypto = require('node:crypto');
const express = require('express');
const Stripe = require('stripe');

const stripe = new Stripe('sk_test_123');
const app = express();

// Stripe signs the raw body
app.post('/stripe', express.raw({ type: 'application/json' }), (req, res) => {
  try {
    const event = stripe.webhooks.constructEvent(req.body, req.headers['stripe-signature'], 'whsec_test', 10 ** 9);
    res.json({ received: event.type });
  } catch (err) {
    res.status(400).send(`Webhook Error: ${err.type}`);
  }
});

// So does Slack
app.post('/slack', express.raw({ type: '*/*' }), (req, res) => {
  const basis = `v0:${req.get('X-Slack-Request-Timestamp')}:${req.body}`;
  const expected = `v0=${crypto.createHmac('sha256', 'slack-secret').update(basis).digest('hex')}`;
  const given = Buffer.from(req.get('X-Slack-Signature') ?? '');
  if (given.length !== expected.length || !crypto.timingSafeEqual(given, Buffer.from(expected))) return res.sendStatus(401);
  const { type, challenge } = JSON.parse(req.body);
  return res.send(type === 'url_verification' ? challenge : '');
});

app.listen(4242, () => console.log('Running on port 4242'));
