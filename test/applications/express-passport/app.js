const express = require('express');
const session = require('express-session');
const passport = require('passport');
const { BasicStrategy } = require('passport-http');
const { Strategy: LocalStrategy } = require('passport-local');

const users = { ada: { id: 1, name: 'ada', password: 'lovelace' } };

const verify = (name, password, done) => {
  const user = users[name];
  done(null, user?.password === password ? user : false);
};

passport.use(new BasicStrategy({ realm: 'Users' }, verify));
passport.use(new LocalStrategy(verify));
passport.serializeUser((user, done) => done(null, user.id));
passport.deserializeUser((id, done) =>
  done(
    null,
    Object.values(users).find((user) => user.id === id),
  ),
);

const app = express();
app.use(express.urlencoded());
app.use(session({ secret: 'keyboard cat', resave: false, saveUninitialized: false }));
app.use(passport.session());

app.get('/me', passport.authenticate('basic', { session: false }), (req, res) => {
  res.json({ id: req.user.id, name: req.user.name });
});

app.post('/login', passport.authenticate('local', { failureRedirect: '/login?failed' }), (req, res) => {
  res.redirect('/');
});

app.get('/', (req, res) => {
  res.send(req.isAuthenticated() ? `Hello ${req.user.name}` : 'Hello stranger');
});

app.listen(3000);
