import { Router } from 'express';

const users = Router();

users.get('/', (req, res) => {
  res.json({ path: req.path, base: req.baseUrl, found: [] });
});

users.post('/', (req, res) => {
  res
    .location('/users/1')
    .status(201)
    .json({ id: 1, ...req.body });
});

users.delete('/:id', (_req, res) => {
  res.sendStatus(204);
});

export default users;
